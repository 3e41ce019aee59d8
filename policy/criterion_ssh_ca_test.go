package policy

import "testing"

func TestSSHCAIsRefused(t *testing.T) {
	t.Parallel()
	const at = "1:15: policy.allow.or[0].ssh_ca: not supported yet"
	const where = "policy.allow.or[0].ssh_ca"
	runBad(t, []badCase{
		{"a key", "allow: {or: [{ssh_ca: " + sshKey + "}]}", at},
		{"a key with a comment", "allow: {or: [{ssh_ca: " + sshKey + " ada@laptop}]}", at},
		{"a list", "allow: {or: [{ssh_ca: [" + sshKey + "]}]}", at},
		{"lines", `allow: {or: [{ssh_ca: "# two\n` + sshKey + `\n\n` + sshKey + `\n"}]}`, at},
		{"no key", "allow: {or: [{ssh_ca: ssh-rsa}]}", "1:23: " + where + ": want " + wantSSHKey + "\n" + at},
		{"a broken key", "allow: {or: [{ssh_ca: ssh-ed25519 AAAA}]}", "1:23: " + where + ": want " + wantSSHKey + "\n" + at},
		{"only a comment", "allow: {or: [{ssh_ca: '# none'}]}", "1:23: " + where + ": want " + wantSSHKey + "\n" + at},
		{"options, which would not be heeded", "allow: {or: [{ssh_ca: no-pty " + sshKey + "}]}", "1:23: " + where + ": want a public key without options before it\n" + at},
		{"null", "allow: {or: [{ssh_ca: ~}]}", "1:23: " + where + ": want " + wantSSHKey + "\n" + at},
		{"an empty list", "allow: {or: [{ssh_ca: []}]}", "1:23: " + where + ": want " + wantSSHKey + ", or a list of them\n" + at},
		{"a number in a list", "allow: {or: [{ssh_ca: [1]}]}", "1:24: " + where + "[0]: want " + wantSSHKey + "\n" + at},
	})
}
