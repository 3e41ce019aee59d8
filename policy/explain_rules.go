package policy

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// explainedQuestion asks for what every rule of a module has come to.
const explainedQuestion = "rules = data." + packageName + ".rules"

// A rule is one rule of a Source as a person wrote it, before anything is
// joined: the tree of them is what a decision is explained by.
type rule struct {
	kind     string
	name     string // of a shorthand key, a policy, an operator or a module
	key      string // of a criterion that a shorthand key stands for: that key
	file     string
	at       position
	enforced bool
	deny     bool
	doubt    bool // of a criterion, as its Rego was written with
	index    int  // its place in explainer.rules

	rego      string // the name of its rule; "" where a module is hand-written
	operator  operator
	criterion *criterion
	module    *Module
	children  []*rule
	written   bool // a hand-written module is below
}

// joins reports how the rule joins its children: all says that it asks for all
// of them and not for any, and negated that the answer is turned round.
func (r *rule) joins() (all, negated bool) {
	return r.operator == operatorAnd || r.operator == operatorNor, r.operator.negated()
}

// An explainer evaluates every rule of a Source by itself. Its Rego is written
// by the same code as that which decides, with nothing folded. It is immutable.
type explainer struct {
	allow, deny *rule
	rules       []*rule // in the order of the tree, parents first
	criteria    []*rule // those of them that are criteria
	policies    []explainedPolicy
	reads       Reads
	shape       *shape
	literals    *ast.Term
	limit       time.Duration
}

// An explainedPolicy is a named policy with its two rules.
type explainedPolicy struct {
	policy      *Policy
	allow, deny *rule
}

// A lazyExplainer is made when first asked for: most programs never are.
type lazyExplainer struct {
	once sync.Once
	e    *explainer
	err  error
}

func (p *Program) explaining() (*explainer, error) {
	p.explainer.once.Do(func() {
		p.explainer.e, p.explainer.err = newExplainer(p.source, p.compiler)
	})
	return p.explainer.e, p.explainer.err
}

// maxExplaining bounds the evaluation of all rules one by one. It takes longer
// than a decision, and whoever waits for it is patient.
const maxExplaining = 5 * maxEvaluation

// newExplainer explains the policies of s that are enforced.
func newExplainer(s Source, c *Compiler) (*explainer, error) {
	gathered := &literals{gather: true}
	b := &ruleBuilder{w: &regoWriter{literals: gathered}}
	b.w.printf("package %s\n", packageName)
	e := &explainer{limit: maxExplaining}
	for _, p := range s.Policies {
		if !p.Shadow {
			e.policies = append(e.policies, explainedPolicy{policy: p})
		}
	}
	var err error
	if e.allow, err = b.action(s, e.policies, false); err == nil {
		e.deny, err = b.action(s, e.policies, true)
	}
	if err != nil {
		return nil, fmt.Errorf("explain policy: %w", err)
	}
	e.number(e.allow)
	e.number(e.deny)
	for _, r := range e.criteria {
		e.reads = e.reads.union(r.criterion.reads())
	}
	b.w.printf("\nrules := [%s]\n", strings.Join(e.written(), ", "))
	if e.shape, err = c.shape(b.w.String(), explainedQuestion); err != nil {
		return nil, fmt.Errorf("explain policy: %w", err)
	}
	if len(gathered.terms) > 0 {
		e.literals = ast.ArrayTerm(gathered.terms...)
	}
	return e, nil
}

// written are the names of the rules that are written here, in their order.
func (e *explainer) written() []string {
	var names []string
	for _, r := range e.rules {
		if r.rego != "" {
			names = append(names, r.rego)
		}
	}
	return names
}

// number gives every rule its place.
func (e *explainer) number(r *rule) {
	r.index = len(e.rules)
	e.rules = append(e.rules, r)
	r.written = r.module != nil
	if r.criterion != nil {
		e.criteria = append(e.criteria, r)
	}
	for _, child := range r.children {
		e.number(child)
		r.written = r.written || child.written
	}
}

// A ruleBuilder writes the Rego of rules along with the tree of them.
type ruleBuilder struct {
	w      *regoWriter
	unions int
}

// union makes the rule that is true where one of its children is.
func (b *ruleBuilder) union(r *rule) *rule {
	r.rego, r.operator = fmt.Sprintf("n%d", b.unions), operatorOr
	b.unions++
	var results []string
	for _, child := range r.children {
		if child.rego != "" {
			results = append(results, child.rego)
		}
	}
	b.w.union(r.rego, results)
	return r
}

func (b *ruleBuilder) action(s Source, policies []explainedPolicy, deny bool) (*rule, error) {
	r := &rule{kind: KindAction, name: "allow", deny: deny}
	if deny {
		r.name = "deny"
	}
	var err error
	if r.children, err = b.parts(s.Shorthand, s.Documents, "", deny); err != nil {
		return nil, err
	}
	for i := range policies {
		p, err := b.policy(policies[i].policy, deny)
		if err != nil {
			return nil, err
		}
		if deny {
			policies[i].deny = p
		} else {
			policies[i].allow = p
		}
		if len(p.children) > 0 {
			r.children = append(r.children, p)
		}
	}
	if deny && s.DenyInvalidClientCertificate {
		r.children = append(r.children, b.shorthand("downstream_mtls",
			[]criterion{{kind: criterionInvalidClientCertificate, operand: anything{}}}, deny))
	}
	return b.union(r), nil
}

func (b *ruleBuilder) policy(p *Policy, deny bool) (*rule, error) {
	r := &rule{kind: KindPolicy, name: p.Name, file: p.File, at: position{line: p.Line}, deny: deny, enforced: p.Enforced}
	var err error
	if r.children, err = b.parts(p.Shorthand, p.Documents, p.File, deny); err != nil {
		return nil, fmt.Errorf("policy %q: %w", p.Name, err)
	}
	for _, m := range p.Rego {
		if m.says(deny) {
			r.children = append(r.children, &rule{kind: KindRego, name: r.name, file: m.file, deny: deny, module: m})
		}
	}
	return b.union(r), nil
}

// parts are the rules of a route or of a policy.
func (b *ruleBuilder) parts(short Shorthand, documents []*Document, file string, deny bool) ([]*rule, error) {
	var out []*rule
	if !deny {
		keys, err := short.keys()
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			out = append(out, b.shorthand(key.name, key.criteria, deny))
		}
	}
	for _, doc := range documents {
		if doc == nil {
			continue
		}
		at := cmp.Or(doc.file, file)
		for _, set := range doc.rules {
			groups := set.allow
			if deny {
				groups = set.deny
			}
			if len(groups) > 0 {
				out = append(out, b.ruleSet(groups, at, deny))
			}
		}
	}
	return out, nil
}

// A shortKey is a shorthand key with the criteria that it stands for.
type shortKey struct {
	name     string
	criteria []criterion
}

// keys are the shorthand keys that are set, in the order of criteria.
func (s Shorthand) keys() ([]shortKey, error) {
	names := map[*kind]string{
		criterionAccept:            "allow_public_unauthenticated_access",
		criterionCORSPreflight:     "cors_allow_preflight",
		criterionAuthenticatedUser: "allow_any_authenticated_user",
		criterionUser:              "allowed_users",
		criterionEmail:             "allowed_users",
		criterionDomain:            "allowed_domains",
		criterionClaim:             "allowed_idp_claims",
	}
	cs, err := s.criteria()
	var out []shortKey
	for _, c := range cs {
		name := names[c.kind]
		if len(out) == 0 || out[len(out)-1].name != name {
			out = append(out, shortKey{name: name})
		}
		last := &out[len(out)-1]
		last.criteria = append(last.criteria, c)
	}
	return out, err
}

func (b *ruleBuilder) shorthand(name string, cs []criterion, deny bool) *rule {
	r := &rule{kind: KindShorthand, name: name, deny: deny}
	for i := range cs {
		r.children = append(r.children, &rule{
			kind: KindCriterion, key: name, deny: deny, doubt: deny, criterion: &cs[i], rego: b.w.criterion(cs[i], deny)})
	}
	return b.union(r)
}

func (b *ruleBuilder) ruleSet(groups []group, file string, deny bool) *rule {
	r := &rule{kind: KindRules, file: file, at: groups[0].at, deny: deny}
	for _, g := range groups {
		r.children = append(r.children, b.group(g, file, deny))
	}
	return b.union(r)
}

func (b *ruleBuilder) group(g group, file string, deny bool) *rule {
	r := &rule{kind: KindOperator, name: string(g.operator), operator: g.operator, file: file, at: g.at, deny: deny}
	first := b.w.criteria // the writer numbers them one after the other
	r.rego = b.w.group(term{g.operator, g.criteria}, deny)
	for i := range g.criteria {
		c := &g.criteria[i]
		r.children = append(r.children, &rule{
			kind: KindCriterion, file: file, at: c.at, deny: deny, doubt: deny != g.operator.negated(),
			criterion: c, rego: fmt.Sprintf("c%d", first+i)})
	}
	return r
}
