package authorize

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// headerIntercepted tells Envoy that an answer is finished and not one of its
// own local replies, which it would put its own words on.
const headerIntercepted = "x-pomerium-intercepted-response"

// binderAge is how long a browser keeps the binder cookie, in seconds: longer
// than any session, or a ticket would outlive it and be void.
const binderAge = 365 * 24 * 3600

// maxRedirect bounds the address to come back to, in bytes as they stand in a
// query. It travels in several URLs, once more inside the state that goes to
// the identity provider, and each has to stay under 8000 octets (RFC 9110,
// section 4.1).
const maxRedirect = 4500

// refuse puts v in the words of the client: a redirect to sign in where that
// helps, an error in the format it reads otherwise.
func (s *Server) refuse(ctx context.Context, g *generation, rt *route, e *auditEntry) *authv3.CheckResponse {
	r, id, v := e.request, e.identity, e.verdict
	page := r.page(id.token)
	if r.path == "/robots.txt" && (r.method == http.MethodGet || r.method == http.MethodHead) {
		return denied(codes.PermissionDenied, s.pages.Robots())
	}
	if g != nil && g.signIn != nil && page.MaySignIn() {
		switch v.outcome {
		case outcomeSignIn, outcomeSignInAgain:
			return s.redirect(g, rt, r, v.outcome == outcomeSignInAgain)
		case outcomeDeviceNeeded:
			return redirectTo(codes.Unauthenticated, s.prompt(g, r, rt, v, r.comeBack()), nil)
		}
	}
	f := refusalOf(v, id)
	problem := pages.Problem{Kind: f.kind, RequestID: r.id, Host: r.hostname}
	if id.person != nil {
		problem.Person = cmp.Or(id.person.email, id.person.name, id.person.session.UserID)
		if f.kind == pages.Denied {
			problem.Other = pages.SwitchAction("/.pomerium/sign_out")
		}
		if id.person.acting != nil {
			problem.StandIn()
		}
		if v.asked && rt != nil {
			s.explainTo(ctx, &problem, rt, e)
			if v.outcome == outcomeDevice || v.outcome == outcomeDeviceNeeded {
				problem.Device, problem.Other = s.deviceProblem(g, rt, e, page), pages.SessionAction()
			}
			if to := s.askURL(ctx, g, rt, e); to != "" && page.MaySignIn() {
				problem.OfferToAsk(to)
			}
		}
	}
	return denied(f.code, s.pages.Error(page, problem))
}

// explainTo adds to the page of somebody who is signed in why they are refused:
// the reasons of what decided, which hold no value of a rule, and what the
// administrator wrote for this case.
func (s *Server) explainTo(ctx context.Context, problem *pages.Problem, rt *route, e *auditEntry) {
	d := &e.verdict.decision
	problem.Reasons, problem.Details = d.AllowReasons, rt.details
	if d.Deny {
		problem.Reasons = d.DenyReasons
	}
	facts := policy.Facts{Request: e.facts, Person: e.identity.person.facts, Now: e.now, Records: s.externals}
	for _, p := range rt.program.Failing(ctx, facts) {
		problem.Notes = append(problem.Notes, pages.Note{Policy: p.Name, Explanation: p.Explanation, Remediation: p.Remediation})
	}
}

// refuseBroken is refuse after a panic. Should the page be what broke, there is
// none.
func (s *Server) refuseBroken(r *request) (out *authv3.CheckResponse) {
	defer func() {
		if recover() != nil {
			out = deniedWith(codes.Unavailable, http.StatusServiceUnavailable, nil, "")
		}
	}()
	return s.refuse(context.Background(), nil, nil, &auditEntry{request: r, verdict: verdict{reason: reasonPanic}})
}

// denied returns a as Envoy's answer to the client.
func denied(code codes.Code, a pages.Answer) *authv3.CheckResponse {
	headers := make([]*corev3.HeaderValueOption, 0, len(a.Header)+1)
	for name, values := range a.Header {
		headers = append(headers, overwrite(strings.ToLower(name), strings.Join(values, ", ")))
	}
	return deniedWith(code, a.Status, headers, string(a.Body))
}

func deniedWith(code codes.Code, httpStatus int, headers []*corev3.HeaderValueOption, body string) *authv3.CheckResponse {
	headers = append(headers, overwrite(headerIntercepted, "true"))
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(code)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(httpStatus)},
			Headers: headers,
			Body:    body,
		}},
	}
}

// redirect sends the browser to the sign-in host, bound to it by the binder
// cookie, which it gets here when it has none. again asks for a sign-in from now
// on, whoever is signed in there.
func (s *Server) redirect(g *generation, rt *route, r *request, again bool) *authv3.CheckResponse {
	scope := g.scopeOf(r, rt)
	r.readBinder(scope.Binder)
	headers := make([]*corev3.HeaderValueOption, 0, 6)
	binder := r.binder
	if binder == "" {
		binder = ticket.NewBinder()
		cookie := http.Cookie{
			Name: scope.Binder, Value: binder, Domain: scope.Domain, Path: "/", MaxAge: binderAge,
			Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		}
		headers = append(headers, overwrite("set-cookie", cookie.String()))
	}
	in := handoff.SignIn{
		RedirectURI: r.comeBack(),
		CallbackURI: "https://" + r.host + handoff.CallbackPath,
		ProviderID:  g.providerFor(rt, r.hostname),
		Binder:      ticket.BinderHash(binder),
	}
	if rt != nil {
		in.AdditionalHosts = rt.hosts
	}
	if again {
		in.After = s.now()
	}
	return redirectTo(codes.Unauthenticated, s.handoff.SignInURL(g.signIn, in), headers)
}

// redirectTo answers 302 without a body. headers may be nil.
func redirectTo(code codes.Code, to string, headers []*corev3.HeaderValueOption) *authv3.CheckResponse {
	headers = append(headers,
		overwrite("location", to),
		overwrite("cache-control", "no-store"),
		overwrite("referrer-policy", "no-referrer"),
		overwrite("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
	return deniedWith(code, http.StatusFound, headers, "")
}

// comeBack returns the address to open once the person has signed in: the one
// that was asked for. A form that was sent after its session ended cannot be
// sent again from there, so that its page is opened instead, if it is on this
// host, or else the start page. What would make too long an address loses its
// query first.
func (r *request) comeBack() string {
	home := "https://" + r.host + "/"
	var want string
	switch r.method {
	case http.MethodGet, http.MethodHead:
		want = "https://" + r.host + r.rawPath
		if r.rawQuery != "" {
			whole := want + "?" + plainURL(r.rawQuery)
			if len(url.QueryEscape(whole)) <= maxRedirect {
				want = whole
			}
		}
	default:
		want = r.headers.get("referer")
	}
	if len(url.QueryEscape(want)) > maxRedirect {
		return home
	}
	u, err := handoff.CheckRedirect(want, r.host)
	if err != nil {
		return home
	}
	return u.String()
}

// plainURL escapes in a query what a browser may send and the check of a
// redirect refuses, because browsers and servers read it differently.
func plainURL(query string) string {
	if !strings.ContainsAny(query, "\\ ") {
		return query
	}
	return strings.NewReplacer(`\`, url.QueryEscape(`\`), " ", "%20").Replace(query)
}
