package console

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Explainer says why, by the code that decides.
type Explainer interface {
	// ExplainDecision returns ErrNotFound for a request of which nothing is
	// recorded.
	ExplainDecision(ctx context.Context, requestID string) (*consolepb.ExplainDecisionResponse, error)
	// ExplainRequest is asked with every field in order. Of a user key it returns
	// ErrNotFound where there is no such person; where no policy decides, an
	// ErrConflict says why.
	ExplainRequest(ctx context.Context, r *consolepb.ExplainRequestRequest) (*consolepb.ExplainRequestResponse, error)
}

// explainPatience bounds one explanation, which takes a thousand times what a
// decision takes.
const explainPatience = 30 * time.Second

// maxAsked bounds each text of a described request, in bytes, and each list.
const (
	maxAsked     = 8 << 10
	maxAskedList = 200
)

// ExplainDecision is ExplainService.ExplainDecision.
func (s *Service) ExplainDecision(ctx context.Context, a Actor, r *consolepb.ExplainDecisionRequest) (*consolepb.ExplainDecisionResponse, error) {
	if err := s.may(a, "ExplainDecision"); err != nil {
		return nil, err
	}
	if !s.recorded() {
		return nil, errNotRecorded
	}
	done, err := s.slow.take(ctx, a)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	return s.o.Explainer.ExplainDecision(ctx, r.GetRequestId())
}

// ExplainRequest is ExplainService.ExplainRequest.
func (s *Service) ExplainRequest(ctx context.Context, a Actor, r *consolepb.ExplainRequestRequest) (*consolepb.ExplainRequestResponse, error) {
	if err := s.may(a, "ExplainRequest"); err != nil {
		return nil, err
	}
	if err := checkAsked(r); err != nil {
		return nil, err
	}
	done, err := s.slow.take(ctx, a)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, explainPatience)
	defer cancel()
	return s.o.Explainer.ExplainRequest(ctx, r)
}

func checkAsked(r *consolepb.ExplainRequestRequest) error {
	for field, text := range map[string]string{
		"url": r.GetUrl(), "method": r.GetMethod(), "user_key": r.GetUserKey(), "email": r.GetEmail(), "address": r.GetAddress(),
	} {
		if len(text) > maxAsked {
			return &Invalid{field, "at most 8 KiB"}
		}
	}
	for field, list := range map[string][]string{"groups": r.GetGroups(), "claims": r.GetClaims(), "headers": r.GetHeaders()} {
		if len(list) > maxAskedList {
			return &Invalid{field, "at most 200"}
		}
		for _, text := range list {
			sign, want := "", ""
			switch field {
			case "claims":
				sign, want = "=", "name=value"
			case "headers":
				sign, want = ":", "Name: value"
			}
			if !strings.Contains(text, sign) || len(text) > maxAsked {
				return &Invalid{field, "such as " + want}
			}
		}
	}
	nobody := r.GetUserKey() == "" && r.GetEmail() == ""
	switch {
	case r.GetUrl() == "":
		return &Invalid{"url", "an address such as https://app.example.com/page"}
	case r.GetUserKey() != "" && (r.GetEmail() != "" || len(r.GetClaims()) > 0):
		return &Invalid{"user_key", "either a person who is known, or an address and claims to be supposed"}
	case nobody && (len(r.GetGroups())+len(r.GetClaims()) > 0 || r.GetDevice() != ""):
		return &Invalid{"email", "a person, since groups, claims and devices are of one"}
	case r.GetDevice() != "" && r.GetDevice() != policy.DeviceAny && r.GetDevice() != policy.DeviceEnclave:
		return &Invalid{"device", "any or enclave_only"}
	}
	if r.GetAddress() != "" {
		if _, err := netip.ParseAddr(r.GetAddress()); err != nil {
			return &Invalid{"address", "an IP address"}
		}
	}
	if r.GetAt() != nil && r.GetAt().CheckValid() != nil {
		return &Invalid{"at", "a time"}
	}
	return nil
}

// ExplanationOf is an explanation as console.v1 has it.
func ExplanationOf(x *policy.Explanation) *consolepb.Explanation {
	if x == nil {
		return nil
	}
	out := &consolepb.Explanation{
		Outcome: x.Outcome, At: timestamppb.New(x.At), Error: x.Err, Disagrees: x.Disagrees, Why: x.Why, Decided: x.Decided,
		NoChange: x.NoChange, Allow: RuleOf(x.Allow), Deny: RuleOf(x.Deny), Extra: factsOf(x.Extra),
	}
	if x.Change != nil {
		out.Needs, out.Satisfies = x.Change.Needs, x.Change.Satisfies
	}
	for _, one := range x.Shadows {
		out.Shadows = append(out.Shadows, &consolepb.ShadowRule{
			Name: one.Name, Would: one.Would, Error: one.Err, Allow: RuleOf(one.Allow), Deny: RuleOf(one.Deny), Extra: factsOf(one.Extra),
		})
	}
	return out
}

// RuleOf is one rule, with all below it.
func RuleOf(n *policy.Node) *consolepb.Rule {
	if n == nil {
		return nil
	}
	r := &consolepb.Rule{
		Kind: n.Kind, Name: n.Name, Text: n.Text, File: n.File, Line: int32(n.Line), Enforced: n.Enforced, Value: n.Value,
		Reasons: n.Reasons, Read: factsOf(n.Read), Error: n.Err, Decided: n.Decided,
	}
	for _, child := range n.Children {
		r.Children = append(r.Children, RuleOf(child))
	}
	return r
}

func factsOf(read []policy.Read) []*consolepb.Fact {
	var out []*consolepb.Fact
	for _, f := range read {
		out = append(out, &consolepb.Fact{Name: f.Name, Value: f.Value, Absent: f.Absent})
	}
	return out
}
