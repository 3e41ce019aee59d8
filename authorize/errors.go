package authorize

import (
	"github.com/cardea-proxy/cardea/internal/pages"
	"google.golang.org/grpc/codes"
)

// A refusal is how an outcome that is no allowance looks to the client: this
// table is the only place that decides it.
type refusal struct {
	kind pages.Kind
	code codes.Code // of the answer to Envoy; clients see the status of the kind
}

// refusals are by outcome. What is not in the table is a fault.
var refusals = map[outcome]refusal{
	outcomeFault:        {pages.CannotDecide, codes.Unavailable},
	outcomeDeny:         {pages.Denied, codes.PermissionDenied},
	outcomeSignIn:       {pages.SignInNeeded, codes.Unauthenticated},
	outcomeSignInAgain:  {pages.SignInNeeded, codes.Unauthenticated},
	outcomeDisabled:     {pages.AccountDisabled, codes.PermissionDenied},
	outcomeSkewed:       {pages.ClockSkew, codes.PermissionDenied},
	outcomeDeviceNeeded: {pages.DeviceNeeded, codes.Unauthenticated},
	outcomeDevice:       {pages.DeviceNotAllowed, codes.PermissionDenied},
	outcomeCertificate:  {pages.CertificateNeeded, codes.PermissionDenied},
	outcomeNotFound:     {pages.NotFound, codes.NotFound},
	outcomeMalformed:    {pages.BadRequest, codes.InvalidArgument},
}

// refusalOf returns how v looks to the client that sent what id stands for.
func refusalOf(v verdict, id identity) refusal {
	f, ok := refusals[v.outcome]
	if !ok {
		f = refusals[outcomeFault]
	}
	if v.outcome == outcomeSignIn && id.handle {
		// It brought a handle of ours, and that handle is void: signing in is
		// not what it forgot.
		f.kind = pages.TokenRefused
	}
	return f
}
