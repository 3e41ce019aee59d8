package policy

import (
	"slices"
	"time"
)

// An Outcome is what happens with a request.
type Outcome int

// The outcomes. The zero Outcome is a denial.
const (
	Deny                      Outcome = iota
	Allow                             // the request goes on
	SignIn                            // nobody is signed in, and the policy asks who is
	DeviceNeeded                      // the policy asks for a device that has not shown itself
	SignInAgain                       // somebody is, and signed in too long ago for the policy
	ClientCertificateRequired         // no client certificate was presented
	ClientCertificateInvalid          // the one presented is not valid
)

// holds reports whether the decision is still that of its policy at now.
func (d *Decision) holds(now time.Time) bool {
	return !now.Before(d.Since) && (d.Until.IsZero() || now.Before(d.Until))
}

// String is the outcome as logs name it.
func (o Outcome) String() string {
	switch o {
	case Deny:
		return "deny"
	case Allow:
		return "allow"
	case SignIn:
		return "sign-in"
	case SignInAgain:
		return "sign-in-again"
	case DeviceNeeded:
		return "device"
	case ClientCertificateRequired:
		return "client-certificate-required"
	case ClientCertificateInvalid:
		return "client-certificate-invalid"
	}
	return "unknown"
}

// A Decision says what happens with one request and why. The zero Decision is
// a denial. Its slices and maps are shared and must not be changed.
type Decision struct {
	Outcome Outcome
	// Allow and Deny are what the two halves of the policy came to. Only
	// Outcome says what happens.
	Allow bool
	Deny  bool
	// AllowReasons and DenyReasons say why each half is what it is; sorted.
	AllowReasons []string
	DenyReasons  []string
	// DeviceType is the type of device that is to show itself, or another one,
	// DeviceAny or DeviceEnclave, where device-unauthenticated or
	// device-unauthorized is among the reasons; "" where neither is.
	DeviceType string
	// DeviceVerify says that it is to show itself with user verification, and
	// DeviceApproval that it must have been approved.
	DeviceVerify, DeviceApproval bool
	// Extra is what hand-written Rego adds to its results; of a name that several
	// add, what the last one says, and deny after allow. nil where there is none.
	Extra map[string]any
	// Reusable says that the same program gives this decision again for facts
	// that agree in what the program reads.
	Reusable bool
	// Since and Until bound, for a decision that read the clock, the time within
	// which it is the same for the same facts: from Since on, before Until. A zero
	// Until is no bound.
	Since, Until time.Time
	// Err is why there is no decision of the policy, and therefore a denial;
	// nil otherwise. It holds no secret.
	Err error
}

// Reasons that do more than explain.
const (
	reasonDeviceUnauthenticated = "device-unauthenticated"
	reasonDeviceUnauthorized    = "device-unauthorized"
	reasonSignedInLongAgo       = "signed-in-within-unauthorized"
	reasonCertificateRequired   = "client-certificate-required"
	reasonCertificateInvalid    = "invalid-client-certificate"
)

// outcome settles what happens. The order matters: a bad certificate is told
// before anybody signs in with it, and whoever could be let in by signing in
// is asked to before being denied.
func (d *Decision) outcome() Outcome {
	switch {
	case slices.Contains(d.DenyReasons, reasonCertificateRequired):
		return ClientCertificateRequired
	case slices.Contains(d.DenyReasons, reasonCertificateInvalid):
		return ClientCertificateInvalid
	case d.hasReason(reasonUnauthenticated):
		return SignIn
	case d.signInAgain():
		return SignInAgain
	case d.hasReason(reasonDeviceUnauthenticated):
		return DeviceNeeded
	case d.Deny:
		return Deny
	case d.Allow:
		return Allow
	}
	return Deny
}

// signInAgain reports whether the age of the sign-in stands in the way of who is
// signed in. Where the rest is in order already, it does not.
func (d *Decision) signInAgain() bool {
	if d.Deny && !slices.Contains(d.DenyReasons, reasonSignedInLongAgo) {
		return false // it is denied whoever signs in when
	}
	return !d.Allow && slices.Contains(d.AllowReasons, reasonSignedInLongAgo) ||
		d.Deny && slices.Contains(d.DenyReasons, reasonSignedInLongAgo)
}

func (d *Decision) hasReason(reason string) bool {
	return slices.Contains(d.AllowReasons, reason) || slices.Contains(d.DenyReasons, reason)
}
