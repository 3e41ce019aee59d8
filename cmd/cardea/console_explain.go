package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// An insight tells the console about the program. It is console.Explainer,
// console.Configuration and console.Instance.
type insight struct{ *house }

var errNoneInForce = fmt.Errorf("%w: no configuration is in force yet", console.ErrUnavailable)

// ExplainDecision is that of console.Explainer.
func (h insight) ExplainDecision(ctx context.Context, id string) (*consolepb.ExplainDecisionResponse, error) {
	e, err := h.journal.Find(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, console.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	x, err := h.explainEntry(ctx, &e)
	if err != nil {
		return nil, err
	}
	var known people
	return &consolepb.ExplainDecisionResponse{
		Decision: decisionOf(&e, known.of(e.Person)), Allow: x.Allow, Deny: x.Deny, AllowWhy: allVisible(x.AllowWhy), DenyWhy: allVisible(x.DenyWhy),
		Remarks: allVisible(x.Remarks), Explanation: console.ExplanationOf(x.Explanation),
	}, nil
}

// ExplainRequest is that of console.Explainer.
func (h insight) ExplainRequest(ctx context.Context, r *consolepb.ExplainRequestRequest) (*consolepb.ExplainRequestResponse, error) {
	now := h.reloader.active.Load()
	if now == nil {
		return nil, errNoneInForce
	}
	o, err := now.offline()
	if err != nil {
		return nil, err
	}
	f, err := o.find(strings.ToUpper(strings.TrimSpace(r.Method)), strings.TrimSpace(r.Url))
	if err != nil {
		return nil, &console.Conflict{Why: policy.Visible(err.Error())}
	}
	if f.program == nil {
		return nil, &console.Conflict{Why: "no policy decides about this address: " + policy.Visible(f.why)}
	}
	a := asked{
		email: r.Email, groups: slices.Clone(r.Groups), claims: slices.Clone(r.Claims), headers: r.Headers,
		ip: r.Address, device: r.Device, deviceApproved: r.DeviceApproved,
	}
	if r.At != nil {
		a.at = r.At.AsTime().Format(time.RFC3339)
	}
	out := &consolepb.ExplainRequestResponse{Route: f.route.From.String(), Line: int32(f.route.Line)}
	if len(a.groups) == 0 && r.UserKey == "" {
		out.Person = policy.Visible(a.asUser(o.config))
	}
	if r.UserKey != "" {
		a.user = r.UserKey // of a device that is to be supposed; the rest is the record's
	}
	s, err := a.scenario(f.request, time.Now())
	if err != nil {
		return nil, &console.Conflict{Why: policy.Visible(err.Error())}
	}
	if r.UserKey != "" {
		if out.Person, err = h.suppose(ctx, r, &s); err != nil {
			return nil, err
		}
	}
	x, err := f.program.Explain(ctx, s)
	if err != nil {
		return nil, err
	}
	out.Explanation = console.ExplanationOf(x)
	return out, nil
}

// suppose puts the record of a person into a scenario, and says who they are.
func (h insight) suppose(ctx context.Context, r *consolepb.ExplainRequestRequest, s *policy.Scenario) (string, error) {
	known, err := h.authorize.Supposed(ctx, r.UserKey)
	if errors.Is(err, authorize.ErrNobody) {
		return "", console.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", console.ErrUnavailable, err)
	}
	data := known.Data
	data.SignedInAt, data.Devices = s.Now, s.Person.Devices
	if len(r.Groups) > 0 {
		data.Groups, data.DirectoryGroups = r.Groups, nil
	}
	s.Person, s.Records = &data, h.authorize.Records()
	groups := slices.Clone(data.Groups)
	for _, g := range data.DirectoryGroups {
		groups = append(groups, g.ID)
	}
	text := known.Email + ", in no group"
	if len(groups) > 0 {
		text = known.Email + ", in the groups " + strings.Join(groups, ", ")
	}
	return policy.Visible(text), nil
}
