package audit

import "testing"

func TestActionOf(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]Action{
		"RevokeSession": "session.revoke", "RevokeUserSessions": "user_sessions.revoke", "RevokeAllSessions": "all_sessions.revoke",
		"DisableUser": "user.disable", "ApproveDevice": "device.approve", "CreateEnrollmentLink": "enrollment_link.create",
		"StartImpersonation": "impersonation.start", "": "", "Revoke": "", "revoke": "",
	} {
		got := ActionOf(method)
		if got != want || got.Valid() != (want != "") {
			t.Errorf("ActionOf(%q) = %q (valid: %v), want %q", method, got, got.Valid(), want)
		}
	}
	for _, a := range []Action{"device", "device.", ".approve", "device.approve.now", "Device.approve", "device.approve\n", "a b.c", "_a.b", "ä.b"} {
		if a.Valid() {
			t.Errorf("%q is valid", a)
		}
	}
}
