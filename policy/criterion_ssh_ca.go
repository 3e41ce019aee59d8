package policy

// criterionSSHCA is about the key that signed the certificate of an SSH
// client. No route speaks SSH yet.
var criterionSSHCA = &kind{name: "ssh_ca", notYet: true, parse: parseSSHKeys}
