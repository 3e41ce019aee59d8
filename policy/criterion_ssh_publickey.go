package policy

// criterionSSHPublicKey is about the key that an SSH client offers. No route
// speaks SSH yet.
var criterionSSHPublicKey = &kind{name: "ssh_publickey", notYet: true, parse: parseSSHKeys}
