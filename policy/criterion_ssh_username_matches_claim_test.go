package policy

import "testing"

func TestSSHUsernameMatchesClaimIsRefused(t *testing.T) {
	t.Parallel()
	const at = "1:15: policy.allow.or[0].ssh_username_matches_claim: not supported yet"
	runBad(t, []badCase{
		{"as it is written", "allow: {or: [{ssh_username_matches_claim: login}]}", at},
		{"what it is given is checked", "allow: {or: [{ssh_username_matches_claim: ''}]}", "1:43: policy.allow.or[0].ssh_username_matches_claim: want the name of a claim\n" + at},
		{"a list", "allow: {or: [{ssh_username_matches_claim: [a]}]}", "1:43: policy.allow.or[0].ssh_username_matches_claim: want the name of a claim\n" + at},
		{"null", "allow: {or: [{ssh_username_matches_claim: ~}]}", "1:43: policy.allow.or[0].ssh_username_matches_claim: want the name of a claim\n" + at},
	})
}
