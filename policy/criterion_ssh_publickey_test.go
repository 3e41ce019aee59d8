package policy

import "testing"

func TestSSHPublicKeyIsRefused(t *testing.T) {
	t.Parallel()
	const at = "1:15: policy.allow.or[0].ssh_publickey: not supported yet"
	const where = "policy.allow.or[0].ssh_publickey"
	runBad(t, []badCase{
		{"a key", "allow: {or: [{ssh_publickey: " + sshKey + "}]}", at},
		{"a key with a comment", "allow: {or: [{ssh_publickey: " + sshKey + " ada@laptop}]}", at},
		{"a list", "allow: {or: [{ssh_publickey: [" + sshKey + "]}]}", at},
		{"lines", `allow: {or: [{ssh_publickey: "# two\n` + sshKey + `\n\n` + sshKey + `\n"}]}`, at},
		{"no key", "allow: {or: [{ssh_publickey: ssh-rsa}]}", "1:30: " + where + ": want " + wantSSHKey + "\n" + at},
		{"a broken key", "allow: {or: [{ssh_publickey: ssh-ed25519 AAAA}]}", "1:30: " + where + ": want " + wantSSHKey + "\n" + at},
		{"only a comment", "allow: {or: [{ssh_publickey: '# none'}]}", "1:30: " + where + ": want " + wantSSHKey + "\n" + at},
		{"options, which would not be heeded", "allow: {or: [{ssh_publickey: no-pty " + sshKey + "}]}", "1:30: " + where + ": want a public key without options before it\n" + at},
		{"null", "allow: {or: [{ssh_publickey: ~}]}", "1:30: " + where + ": want " + wantSSHKey + "\n" + at},
		{"an empty list", "allow: {or: [{ssh_publickey: []}]}", "1:30: " + where + ": want " + wantSSHKey + ", or a list of them\n" + at},
		{"a number in a list", "allow: {or: [{ssh_publickey: [1]}]}", "1:31: " + where + "[0]: want " + wantSSHKey + "\n" + at},
	})
}
