package policy

import "testing"

func TestSSHUsernameIsRefused(t *testing.T) {
	t.Parallel()
	const at = "1:15: policy.allow.or[0].ssh_username: not supported yet"
	const want = "want a string that is not empty, or an object of is, not, contains, starts_with, ends_with, in, not_in"
	runBad(t, []badCase{
		{"a text", "allow: {or: [{ssh_username: x}]}", at},
		{"a matcher", "allow: {or: [{ssh_username: {in: [root, ada]}}]}", at},
		{"in capitals", "allow: {or: [{SSH_USERNAME: x}]}", "1:15: policy.allow.or[0].SSH_USERNAME: not supported yet"},
		{"what it is given is checked", "allow: {or: [{ssh_username: []}]}", "1:29: policy.allow.or[0].ssh_username: " + want + "\n" + at},
		{"null is checked", "allow: {or: [{ssh_username: ~}]}", "1:29: policy.allow.or[0].ssh_username: " + want + "\n" + at},
		{"nothing after a slash", "allow: {or: [{ssh_username/x: x}]}", "1:15: policy.allow.or[0].ssh_username/x: ssh_username takes nothing after a slash, want ssh_username"},
	})
}
