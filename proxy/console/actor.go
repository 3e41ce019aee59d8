package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A Role is how far somebody reaches in the console. The zero Role reaches
// nothing; each holds those below it.
type Role int

// The roles.
const (
	RoleNone Role = iota
	RoleViewer
	RoleManager
	RoleAdmin
)

// String is the role as people and logs name it.
func (r Role) String() string {
	switch r {
	case RoleViewer:
		return "viewer"
	case RoleManager:
		return "manager"
	case RoleAdmin:
		return "admin"
	}
	return "none"
}

// A Via is the way by which somebody acts.
type Via string

// The ways.
const (
	ViaWeb    Via = "web"    // a page of the console
	ViaGRPC   Via = "grpc"   // gRPC through the console's route
	ViaSocket Via = "socket" // the administrator's socket
)

// An Actor is who acts, settled for one request. The zero Actor may do nothing.
type Actor struct {
	Role      Role
	Via       Via
	SessionID string // "" for the operator
	UserKey   string // databroker.User.Key; "" for the operator
	Email     string
	Name      string
	RequestID string
	Address   string // of the client; "" for the operator
	// ActsAs is whom the session acts as in applications until ActsUntil, for
	// people; "" for nobody. In the console everybody is themself.
	ActsAs    string
	ActsUntil time.Time
}

// Operator is who comes by the administrator's socket: whoever may open it may
// read the store's key as well. uid is of the process, -1 where it is not known.
func Operator(uid int, requestID string) Actor {
	return Actor{Role: RoleAdmin, Via: ViaSocket, Name: operatorName(uid), RequestID: requestID}
}

func operatorName(uid int) string {
	if uid < 0 {
		return "operator"
	}
	return fmt.Sprintf("operator (uid %d)", uid)
}

// Label is what people call the actor: the address, else the name, else the key.
func (a Actor) Label() string {
	for _, s := range []string{a.Email, a.Name, a.UserKey} {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return "somebody"
}

// A Person is who a session belongs to, as policies read them.
type Person struct {
	UserKey string
	Email   string
	Name    string
	Facts   *policy.Person
	// ActsAs and ActsUntil are those of Actor.
	ActsAs    string
	ActsUntil time.Time
}

// Roles are the policies of console.admins, managers and viewers, compiled.
type Roles struct{ Admin, Manager, Viewer *policy.Program }
