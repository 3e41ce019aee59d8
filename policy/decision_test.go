package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func compare(t *testing.T, want, got Decision) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decision (-want +got):\n%s", diff)
	}
}

func TestOutcomeOrder(t *testing.T) {
	t.Parallel()
	const (
		device = "device-unauthenticated"
		needed = "client-certificate-required"
		bad    = "invalid-client-certificate"
	)
	for _, tc := range []struct {
		name string
		in   Decision
		want Outcome
	}{
		{"nothing is a denial", Decision{}, Deny},
		{"an allow is one", Decision{Allow: true}, Allow},
		{"a deny outranks an allow", Decision{Allow: true, Deny: true}, Deny},
		{"a missing certificate outranks signing in", Decision{Deny: true, DenyReasons: reasons(needed, nobody)}, ClientCertificateRequired},
		{"a bad certificate outranks signing in", Decision{Deny: true, AllowReasons: reasons(nobody), DenyReasons: reasons(bad)}, ClientCertificateInvalid},
		{"a certificate reason of allow is no deny", Decision{Allow: true, AllowReasons: reasons(needed)}, Allow},
		{"signing in outranks a deny", Decision{Deny: true, DenyReasons: reasons(nobody)}, SignIn},
		{"signing in outranks an allow", Decision{Allow: true, AllowReasons: reasons(nobody)}, SignIn},
		{"signing in outranks the device", Decision{AllowReasons: reasons(device, nobody)}, SignIn},
		{"an old sign-in outranks a denial", Decision{AllowReasons: reasons(reasonSignedInLongAgo)}, SignInAgain},
		{"an old sign-in that denies", Decision{Allow: true, Deny: true, DenyReasons: reasons(reasonSignedInLongAgo)}, SignInAgain},
		{"an old sign-in that another rule makes good", Decision{Allow: true, AllowReasons: reasons(reasonSignedInLongAgo)}, Allow},
		{"an old sign-in beside a deny for other reasons", Decision{Allow: true, Deny: true, DenyReasons: reasons("email-ok")}, Deny},
		{"an old sign-in where something else denies", Decision{Deny: true, AllowReasons: reasons(reasonSignedInLongAgo), DenyReasons: reasons("http-path-ok")}, Deny},
		{"nobody has no old sign-in", Decision{AllowReasons: reasons(nobody, reasonSignedInLongAgo)}, SignIn},
		{"an old sign-in outranks the device", Decision{AllowReasons: reasons(device, reasonSignedInLongAgo)}, SignInAgain},
		{"the device outranks a deny", Decision{Deny: true, DenyReasons: reasons(device)}, DeviceNeeded},
		{"the device outranks an allow", Decision{Allow: true, AllowReasons: reasons(device)}, DeviceNeeded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.in.outcome(); got != tc.want {
				t.Errorf("outcome of %+v is %v, want %v", tc.in, got, tc.want)
			}
		})
	}
}

func TestOutcomeNames(t *testing.T) {
	t.Parallel()
	for o, want := range map[Outcome]string{
		Deny: "deny", Allow: "allow", SignIn: "sign-in", DeviceNeeded: "device", SignInAgain: "sign-in-again",
		ClientCertificateRequired: "client-certificate-required",
		ClientCertificateInvalid:  "client-certificate-invalid", 99: "unknown",
	} {
		if got := o.String(); got != want {
			t.Errorf("%d is called %q, want %q", o, got, want)
		}
	}
}

func TestDefaultCertificateDeny(t *testing.T) {
	t.Parallel()
	p := compiled(t, Source{Shorthand: Shorthand{AnyUser: true}, DenyInvalidClientCertificate: true})
	for _, tc := range []struct {
		name string
		cert ClientCertificate
		want Outcome
	}{
		{"none is required", ClientCertificate{}, ClientCertificateRequired},
		{"one that is not valid is refused", ClientCertificate{Presented: true}, ClientCertificateInvalid},
		{"a valid one lets the policy decide", ClientCertificate{Presented: true, Valid: true}, Allow},
		{"none asked for is valid", ClientCertificate{Valid: true}, Allow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := signedIn(ada())
			f.Request.ClientCertificate = tc.cert
			if got := p.Decide(t.Context(), f); got.Outcome != tc.want {
				t.Errorf("Decide = %+v, want %v", got, tc.want)
			}
		})
	}
}
