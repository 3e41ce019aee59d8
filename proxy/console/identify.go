package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/policy"
)

// headerAddress is where Envoy says who connected; it takes none from a client.
const headerAddress = "X-Cardea-Client-Address"

// identify settles who sends r. The assertion says which session; whether that
// still lives, and what the person's records and so their role are, is asked
// anew each time.
func (s *Server) identify(ctx context.Context, st *State, r *http.Request) (Actor, error) {
	host := hostName(r.Host)
	if !st.servesConsole(host) {
		return Actor{}, fmt.Errorf("%w: no console at %q", ErrNobody, host)
	}
	values := r.Header.Values(assertion.Header)
	if len(values) != 1 {
		return Actor{}, fmt.Errorf("%w: %d assertions", ErrNobody, len(values))
	}
	claims, err := st.Minter.Verify(values[0], host, s.o.Now())
	if err != nil {
		return Actor{}, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	return s.settle(ctx, st, Actor{
		Via: ViaWeb, SessionID: claims.SessionID,
		RequestID: r.Header.Get("X-Request-Id"), Address: r.Header.Get(headerAddress),
	})
}

// settle finds out whose the session of a is, and what role they have.
func (s *Server) settle(ctx context.Context, st *State, a Actor) (Actor, error) {
	p, err := s.o.Identify(ctx, a.SessionID)
	if err != nil {
		if errors.Is(err, ErrNobody) {
			return Actor{}, err
		}
		return Actor{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	a.UserKey, a.Email, a.Name, a.ActsAs, a.ActsUntil = p.UserKey, p.Email, p.Name, p.ActsAs, p.ActsUntil
	a.Role, err = st.Roles.of(ctx, s.factsOf(p))
	return a, err
}

// factsOf are those that roles are decided by.
func (s *Server) factsOf(p Person) policy.Facts {
	return policy.Facts{Person: p.Facts, Now: s.o.Now(), Records: s.o.Records}
}

// again settles a later, by the records and the configuration of then.
func (s *Server) again(a Actor) Again {
	return func(ctx context.Context) (Actor, error) { return s.settle(ctx, s.active.Load(), a) }
}

// of returns the highest role that the policies give; an error where one cannot
// be evaluated and none above it allows.
func (r Roles) of(ctx context.Context, f policy.Facts) (Role, error) {
	if f.Person == nil {
		return RoleNone, nil
	}
	for _, one := range []struct {
		role    Role
		program *policy.Program
	}{{RoleAdmin, r.Admin}, {RoleManager, r.Manager}, {RoleViewer, r.Viewer}} {
		if one.program == nil {
			continue
		}
		d := one.program.Decide(ctx, f)
		if d.Err != nil {
			return RoleNone, fmt.Errorf("%w: role %s: %w", ErrUnavailable, one.role, d.Err)
		}
		if d.Outcome == policy.Allow {
			return one.role, nil
		}
	}
	return RoleNone, nil
}

// servesConsole reports whether a route leads from host to the console.
func (st *State) servesConsole(host string) bool {
	for _, r := range st.Config.Routes {
		if r.Console && r.From.Covers(host) {
			return true
		}
	}
	return false
}

// hostName is a Host header in lower case, without its port.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}
