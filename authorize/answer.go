package authorize

import (
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"

	"github.com/cardea-proxy/cardea/internal/assertion"
)

// An answer is what goes to Envoy for an allowed request of one person on one
// route, ready to be sent again. It is not changed once it is remembered: many
// requests send it at the same time.
type answer struct {
	response  *response
	assertion string // "" where the route passes no identity
	fixed     []*corev3.HeaderValueOption
	until     time.Time // from then on another one is made
}

// An answerKey is everything an answer depends on but the time: a person in
// one version, a route of one generation, both by their address, and the host
// name the request was sent to (a route of many hosts has an audience for each).
type answerKey struct {
	person *person
	route  *route
	host   string
}

const (
	// reuse is how long an assertion is sent again. What an upstream gets is
	// valid for four minutes at least.
	reuse = assertion.Lifetime - 4*time.Minute
	// answerCacheSize bounds what one generation remembers.
	answerCacheSize = 32768
)

// plain is the answer that sets nothing.
var plain = ready(allow(nil))

func allow(headers []*corev3.HeaderValueOption) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status:       &status.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{Headers: headers}},
	}
}

// answerAllowed returns the answer that lets r through on rt, with what its
// upstream is to be told about p (nil for nobody).
func (s *Server) answerAllowed(g *generation, rt *route, r *request, p *person, cert clientCert) (*response, error) {
	if p == nil {
		if rt.anonymous != nil {
			return rt.anonymous, nil
		}
		return &response{message: allow(rt.expand(&templateValues{request: r, leaf: cert.leaf, cookie: g.cookieName}))}, nil
	}
	if !rt.personal {
		return plain, nil
	}
	a, err := s.answerFor(g, rt, r.hostname, p)
	if err != nil {
		return nil, err
	}
	if !rt.perRequest {
		return a.response, nil
	}
	values := &templateValues{person: p, assertion: a.assertion, request: r, leaf: cert.leaf, cookie: g.cookieName}
	set := rt.expand(values)
	return &response{message: allow(append(a.fixed[:len(a.fixed):len(a.fixed)], set...))}, nil
}

// answerFor returns what is remembered for p on rt, or makes it. Two requests
// at once may both make it: that costs a signature and harms nobody.
func (s *Server) answerFor(g *generation, rt *route, host string, p *person) (*answer, error) {
	now := s.now()
	key := answerKey{p, rt, host}
	if a, ok := g.answers.get(key); ok && now.Before(a.until) {
		return a, nil
	}
	a, err := makeAnswer(g, rt, host, p, now)
	if err != nil {
		return nil, err
	}
	key.host = strings.Clone(host) // it is part of the whole request
	g.answers.put(key, a)
	return a, nil
}

func makeAnswer(g *generation, rt *route, host string, p *person, now time.Time) (*answer, error) {
	a := &answer{until: now.Add(reuse)}
	if rt.passIdentity || rt.needsJWT {
		jwt, headers, err := mint(g, rt, p, host, now)
		if err != nil {
			return nil, err
		}
		a.assertion = jwt
		if rt.passIdentity {
			a.fixed = headers
		}
	}
	if rt.routingKey {
		a.fixed = append(a.fixed, overwrite(headerRoutingKey, p.routingKey))
	}
	if rt.perRequest {
		return a, nil
	}
	headers := append(a.fixed, rt.expand(&templateValues{person: p, assertion: a.assertion, cookie: g.cookieName})...)
	a.response = ready(allow(headers))
	return a, nil
}

// expand fills in the route's set_request_headers.
func (rt *route) expand(v *templateValues) []*corev3.HeaderValueOption {
	if len(rt.setHeaders) == 0 {
		return nil
	}
	headers := make([]*corev3.HeaderValueOption, 0, len(rt.setHeaders))
	for _, h := range rt.setHeaders {
		headers = append(headers, overwrite(h.name, h.value.expand(v)))
	}
	return headers
}
