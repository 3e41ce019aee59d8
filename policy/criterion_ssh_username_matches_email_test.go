package policy

import "testing"

func TestSSHUsernameMatchesEmailIsRefused(t *testing.T) {
	t.Parallel()
	const at = "1:15: policy.allow.or[0].ssh_username_matches_email: not supported yet"
	runBad(t, []badCase{
		{"as it is written", "allow: {or: [{ssh_username_matches_email: true}]}", at},
		{"what it is given is checked", "allow: {or: [{ssh_username_matches_email: false}]}", "1:43: policy.allow.or[0].ssh_username_matches_email: the operand is ignored, so false would mean the same as true, want true, or no such rule\n" + at},
	})
}
