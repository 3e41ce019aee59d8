package policy

import (
	"cmp"
	"slices"
)

// A Finding is something about a policy that its author will want to know. It
// holds for every request: where lint cannot prove it, it says nothing.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Policy   string   `json:"policy,omitempty"` // the named policy; "" is the route itself
	Line     int      `json:"line,omitempty"`   // 1-based, in the file of that policy; 0 for a shorthand key
	Column   int      `json:"column,omitempty"` // 1-based; 0 where Line is
	Path     string   `json:"path"`             // such as "policy[0].allow.and[1].email"
	Message  string   `json:"message"`
	Advice   string   `json:"advice,omitempty"` // what to write instead; may be empty
}

// A Severity says how much a finding matters.
type Severity string

// The severities: nobody can have meant it, it is probably not meant, it is
// good to know.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// The codes of findings.
const (
	codeNeverTrue     = "never-true"
	codeShadowed      = "shadowed"
	codeOutranked     = "outranked"
	codePublic        = "public-by-accident"
	codeEveryUser     = "everybody-signed-in"
	codeDenyNever     = "deny-never-fires"
	codeDenyEverybody = "deny-everybody"
	codeNobody        = "nobody"
	codeReject        = "reject-trap"
	codeSignIn        = "sign-in-trap"
	codeEmailCase     = "email-case"
	codeEmailDomain   = "email-domain"
	codePathPrefix    = "path-prefix"
	codeWildcard      = "wildcard"
	codeClaimGroups   = "claim-groups"
	codeNor           = "nor"
)

// Lint looks at everything that is said about one route. Of its named policies
// it tells only what they come to together; LintPolicy tells the rest, once
// and not for every route. Hand-written Rego is not looked into, and neither
// is a policy that only shadows. The findings are sorted by place.
func Lint(s Source) []Finding {
	l := &linter{}
	l.add("", true, s.Shorthand, s.Documents)
	for _, p := range s.Policies {
		if p == nil || p.Shadow {
			continue
		}
		l.add(p.Name, false, p.Shorthand, p.Documents)
		l.opaque = l.opaque || len(p.Rego) > 0
	}
	if s.DenyInvalidClientCertificate {
		c := placedCriterion{criterion: criterion{kind: criterionInvalidClientCertificate, operand: anything{}}, path: "downstream_mtls"}
		r := &lintRule{deny: true, path: c.path, criteria: []placedCriterion{c}}
		r.settle()
		l.deny = append(l.deny, r)
	}
	l.rules()
	l.route()
	return l.sorted()
}

// LintPolicy looks at a named policy by itself. That it lets nobody in is no
// finding: it may be there to deny.
func LintPolicy(p *Policy) []Finding {
	if p == nil {
		return nil
	}
	l := &linter{policy: p.Name, opaque: true}
	l.add(p.Name, true, p.Shorthand, p.Documents)
	l.rules()
	l.route()
	return l.sorted()
}

// maxLintRules bounds the rules of each action that are held against each
// other, which takes time with their square.
const maxLintRules = 200

// A linter gathers the findings of one source.
type linter struct {
	policy      string
	allow, deny []*lintRule
	opaque      bool // who is let in may also be said elsewhere
	found       []Finding
}

func (l *linter) add(policy string, own bool, short Shorthand, documents []*Document) {
	rules := shorthandRules(policy, own, short)
	for _, doc := range documents {
		if doc != nil {
			rules = append(rules, documentRules(policy, own, doc)...)
		}
	}
	for _, r := range rules {
		if r.deny {
			l.deny = append(l.deny, r)
		} else {
			l.allow = append(l.allow, r)
		}
	}
}

// rules looks at each rule of its own.
func (l *linter) rules() {
	for _, r := range slices.Concat(l.allow, l.deny) {
		if !r.own {
			continue
		}
		for _, c := range r.criteria {
			l.habits(r, c)
		}
		l.operator(r)
		if l.neverTrue(r) {
			continue
		}
		l.shadowed(r)
		if !r.deny {
			l.public(r)
			l.everyUser(r)
		}
	}
}

func (l *linter) report(r *lintRule, code string, s Severity, message, advice string) {
	l.found = append(l.found, Finding{
		Code: code, Severity: s, Policy: r.policy, Line: r.at.line, Column: r.at.column,
		Path: r.path, Message: message, Advice: advice,
	})
}

// reportAt reports about one criterion of a rule.
func (l *linter) reportAt(r *lintRule, c placedCriterion, code string, s Severity, message, advice string) {
	at := *r
	at.path, at.at = c.path, c.at
	l.report(&at, code, s, message, advice)
}

// sorted returns the findings in the order of the text, each once.
func (l *linter) sorted() []Finding {
	slices.SortFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(l.found)
}
