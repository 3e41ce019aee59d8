package main

import (
	"context"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Routes is that of console.Configuration.
func (h insight) Routes(context.Context) ([]*consolepb.Route, error) {
	now := h.reloader.active.Load()
	if now == nil {
		return nil, errNoneInForce
	}
	disagreements := map[string]uint64{}
	for _, c := range h.authorize.ShadowCounts() {
		disagreements[c.Route] += c.Count
	}
	out := make([]*consolepb.Route, len(now.config.Routes))
	for i, r := range now.config.Routes {
		out[i] = routeOf(now.config, r)
		out[i].Position, out[i].ShadowDisagreements = int32(i+1), disagreements[r.ID]
	}
	return out, nil
}

func routeOf(cfg *config.Config, r *config.Route) *consolepb.Route {
	out := &consolepb.Route{
		Id: r.ID, From: policy.Visible(r.From.String()), Matches: policy.Visible(matchesOf(r)), Name: policy.Visible(r.Name),
		Description: policy.Visible(r.Description), To: allVisible(destinations(r)), File: policy.Visible(cfg.Document), Line: int32(r.Line),
		Rules: int32(r.Policy.Rules()), Public: r.AllowPublicUnauthenticatedAccess,
	}
	for _, p := range r.Policy.Policies {
		out.Policies = append(out.Policies, policy.Visible(p.Name))
	}
	return out
}

// matchesOf says which paths a route is for; "" is all.
func matchesOf(r *config.Route) string {
	switch {
	case r.Path != "":
		return "path " + r.Path
	case r.Regex != "":
		return "regex " + r.Regex
	case r.Prefix != "" && r.Prefix != "/":
		return "prefix " + r.Prefix
	}
	return ""
}

// destinations say where a route leads, without passwords.
func destinations(r *config.Route) []string {
	switch {
	case r.Verify:
		return []string{"the built-in page that shows what an upstream receives"}
	case r.Console:
		return []string{"the console"}
	case r.Redirect != nil:
		return []string{"a redirect"}
	case r.Response != nil:
		return []string{"a fixed response"}
	}
	var out []string
	for _, u := range r.To {
		out = append(out, u.URL.Redacted())
	}
	return out
}

// Route is that of console.Configuration.
func (h insight) Route(ctx context.Context, id string) (*consolepb.GetRouteResponse, error) {
	now := h.reloader.active.Load()
	if now == nil {
		return nil, errNoneInForce
	}
	for i, r := range now.config.Routes {
		p := now.programs[r.ID]
		if r.ID != id || p == nil {
			continue
		}
		out := &consolepb.GetRouteResponse{Route: routeOf(now.config, r), Rego: p.Rego()}
		out.Route.Position = int32(i + 1)
		for _, one := range r.Policy.Policies {
			out.Policies = append(out.Policies, &consolepb.RoutePolicy{
				Name: policy.Visible(one.Name), File: policy.Visible(one.File), Line: int32(one.Line), Enforced: one.Enforced, Shadow: one.Shadow,
				Explanation: strings.ToValidUTF8(one.Explanation, "�"), Remediation: strings.ToValidUTF8(one.Remediation, "�"),
			})
		}
		for _, c := range h.authorize.ShadowCounts() {
			if c.Route == id {
				out.Route.ShadowDisagreements += c.Count
				out.Shadows = append(out.Shadows, &consolepb.ShadowDisagreement{Policy: policy.Visible(c.Policy), Outcome: c.Outcome, Would: c.Would, Count: c.Count})
			}
		}
		// The tree is that of an explanation, of a request that asks for nothing.
		x, err := p.Explain(ctx, policy.Scenario{})
		if err != nil {
			return nil, err
		}
		out.Allow, out.Deny = console.RuleOf(x.Allow), console.RuleOf(x.Deny)
		if out.Coverage, err = h.coverageOf(ctx, now, out.Route, x); err != nil {
			return nil, err
		}
		return out, nil
	}
	return nil, console.ErrNotFound
}
