package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Scenario is what an explanation is about: facts that can be changed, to
// find out what would happen then.
type Scenario struct {
	Request Request
	Person  *PersonData // nil where nobody is signed in
	Now     time.Time   // the zero Time means time.Now
	Records Records     // nil: there is no external record
}

// Facts are the scenario as a decision reads it.
func (s *Scenario) Facts() Facts {
	f := Facts{Request: s.Request, Now: s.Now, Records: s.Records}
	if s.Person != nil {
		f.Person = NewPerson(*s.Person)
	}
	return f
}

// clone is a copy that edits change without changing s.
func (s *Scenario) clone() *Scenario {
	c := *s
	if s.Person != nil {
		d := *s.Person
		d.Groups, d.DirectoryGroups = slices.Clone(d.Groups), slices.Clone(d.DirectoryGroups)
		d.Claims = maps.Clone(d.Claims)
		d.Devices, d.Grants = slices.Clone(d.Devices), slices.Clone(d.Grants)
		c.Person = &d
	}
	return &c
}

// An Explanation says why a request is decided as it is. It is made for
// administrators: it names people, groups and rules.
type Explanation struct {
	Outcome string    `json:"outcome"` // as Outcome.String
	At      time.Time `json:"at"`      // the moment that was decided about
	// Err is why there is no decision of the policy; the outcome is deny then.
	Err string `json:"error,omitempty"`
	// Disagrees says that the rules one by one do not come to what the program
	// decides, or that one of the two has an error that the other should have. That is a defect of ours, and the outcome is the program's.
	Disagrees bool `json:"disagrees,omitempty"`
	// Why says in a sentence what kind of decision it is, and Decided names the
	// rules that made it, with their places.
	Why     string   `json:"why"`
	Decided []string `json:"decided,omitempty"`
	// Change is the smallest change that would allow, where there is one;
	// NoChange says why there is none.
	Change   *Change `json:"change,omitempty"`
	NoChange string  `json:"no_change,omitempty"`

	Allow *Node `json:"allow,omitempty"` // nil only with Err
	Deny  *Node `json:"deny,omitempty"`
	// Extra is what hand-written Rego adds to the decision; see Decision.Extra.
	Extra []Read `json:"extra,omitempty"`
	// Shadows are the policies that judge without effect.
	Shadows []*ShadowNode `json:"shadows,omitempty"`
}

// The kinds of nodes.
const (
	KindAction    = "action"    // allow or deny as a whole
	KindPolicy    = "policy"    // a named policy
	KindRules     = "rules"     // one object of a document
	KindOperator  = "operator"  // and, or, not, nor
	KindCriterion = "criterion" // one test
	KindShorthand = "shorthand" // a route key that is a policy in short
	KindRego      = "rego"      // one hand-written module
)

// A Node is one rule with what it has come to. No text in it holds a character
// that is not plain to the eye.
type Node struct {
	Kind     string   `json:"kind"`
	Name     string   `json:"name,omitempty"`
	Text     string   `json:"text,omitempty"` // of a criterion: as the policy writes it; of a module: its result
	File     string   `json:"file,omitempty"` // "" where no file says it
	Line     int      `json:"line,omitempty"` // 1-based; 0 where it stands in no file
	Column   int      `json:"column,omitempty"`
	Enforced bool     `json:"enforced,omitempty"` // a policy that is on every route
	Value    bool     `json:"value"`
	Reasons  []string `json:"reasons,omitempty"`
	Read     []Read   `json:"read,omitempty"`
	Err      string   `json:"error,omitempty"`
	Decided  bool     `json:"decided,omitempty"` // one of Explanation.Decided
	Children []*Node  `json:"children,omitempty"`
}

// A Read is one fact that a rule looked at.
type Read struct {
	Name   string `json:"name"`            // such as "email" or "claim department"
	Value  string `json:"value,omitempty"` // for people to read; long ones are cut
	Absent bool   `json:"absent,omitempty"`
}

// A ShadowNode is a policy that judges without effect.
type ShadowNode struct {
	Name  string `json:"name"`
	Would string `json:"would"` // the outcome, were it enforced beside the others
	Err   string `json:"error,omitempty"`
	Allow *Node  `json:"allow,omitempty"`
	Deny  *Node  `json:"deny,omitempty"`
	Extra []Read `json:"extra,omitempty"`
}

// Explain says how p decides about the scenario, and why. What it says comes
// from the Rego of the same rules and is held against the decision itself.
// An error means that there is nothing to say; that the policy has no decision
// is in the Explanation. It takes a thousand times what a decision takes.
func (p *Program) Explain(ctx context.Context, s Scenario) (*Explanation, error) {
	e, err := p.explaining()
	if err != nil {
		return nil, err
	}
	if s.Now.IsZero() {
		s.Now = time.Now()
	}
	f := s.Facts()
	d := p.Evaluate(ctx, f)
	x := &Explanation{Outcome: d.Outcome.String(), At: s.Now, Extra: shownExtra(d.Extra)}
	if d.Err != nil {
		x.Err = Visible(d.Err.Error())
	}
	v, err := e.value(ctx, &f)
	switch {
	case err != nil && d.Err == nil:
		return nil, err
	case err != nil:
		x.Why = "the policy has no decision, which is a denial"
		return x, nil
	}
	x.Disagrees = !d.agrees(v.decision(e))
	x.Allow, x.Deny = e.node(e.allow, v), e.node(e.deny, v)
	nodes := e.nodes(x)
	x.conclude(ctx, p, e, v, d, s, nodes)
	if x.Shadows, err = p.explainShadows(ctx, &f); err != nil {
		return nil, err
	}
	return x, nil
}

// node is a rule and all below it with what they have come to.
func (e *explainer) node(r *rule, v *valuation) *Node {
	h := v.halves[r.index]
	n := &Node{
		Kind: r.kind, Name: Visible(r.name), File: Visible(r.file), Line: r.at.line, Column: r.at.column,
		Enforced: r.enforced, Value: h.truth, Reasons: h.reasons,
	}
	switch {
	case r.criterion != nil:
		n.Name, n.Text = r.criterion.kind.name, r.criterion.text()
		n.Read = r.criterion.read(r.doubt, v.input)
	case r.module != nil:
		n.Name = Visible(r.module.file)
		n.Text = writtenText(r.deny, h)
		n.Reasons = make([]string, len(h.reasons)) // a person wrote these
		for i, reason := range h.reasons {
			n.Reasons[i] = Visible(reason)
		}
		n.Read = r.module.read(v.written[r.module])
		if err := v.errs[r.index]; err != nil {
			n.Err = Visible(err.Error())
		}
	case r.written:
		n.Reasons = allVisible(h.reasons)
	}
	for _, child := range r.children {
		n.Children = append(n.Children, e.node(child, v))
	}
	return n
}

// nodes are those of x in the order of e.rules.
func (e *explainer) nodes(x *Explanation) []*Node {
	out := make([]*Node, 0, len(e.rules))
	var add func(*Node)
	add = func(n *Node) {
		out = append(out, n)
		for _, child := range n.Children {
			add(child)
		}
	}
	add(x.Allow)
	add(x.Deny)
	return out
}

// explainShadows explains what judges without effect.
func (p *Program) explainShadows(ctx context.Context, f *Facts) ([]*ShadowNode, error) {
	var out []*ShadowNode
	for _, shadow := range p.shadows {
		e, err := shadow.program.explaining()
		if err != nil {
			return nil, err
		}
		would := shadow.program.Evaluate(ctx, *f)
		n := &ShadowNode{Name: Visible(shadow.policy.Name), Would: would.Outcome.String(), Extra: shownExtra(would.Extra)}
		out = append(out, n)
		if would.Err != nil {
			n.Err = Visible(would.Err.Error())
		}
		v, err := e.value(ctx, f)
		if err != nil {
			continue // as the decision itself
		}
		for _, named := range e.policies {
			if named.policy.Name == shadow.policy.Name {
				n.Allow, n.Deny = e.alone(named.allow, "allow", v), e.alone(named.deny, "deny", v)
			}
		}
	}
	return out, nil
}

// alone is what one policy says of an action; nil where it says nothing.
func (e *explainer) alone(r *rule, action string, v *valuation) *Node {
	if len(r.children) == 0 {
		return nil
	}
	n := e.node(r, v)
	return &Node{Kind: KindAction, Name: action, Value: n.Value, Reasons: n.Reasons, Children: []*Node{n}}
}

// place is where a node stands, such as "policies/ops.yaml:7"; "" where it
// stands in no file.
func (n *Node) place() string {
	switch {
	case n.Line == 0:
		return n.File
	case n.File == "":
		return fmt.Sprintf("line %d", n.Line)
	}
	return fmt.Sprintf("%s:%d", n.File, n.Line)
}

// label is the rule in few words.
func (n *Node) label() string {
	switch n.Kind {
	case KindCriterion, KindRego:
		if n.Text != "" {
			return n.Text
		}
	case KindPolicy:
		return "policy " + n.Name
	case KindRules:
		return "rules"
	}
	return n.Name
}
