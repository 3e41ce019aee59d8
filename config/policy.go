package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/policy"
	"gopkg.in/yaml.v3"
)

// A SubPolicy is a policy that stands in the route it is for.
type SubPolicy struct {
	ID               string              `yaml:"id"`
	Name             string              `yaml:"name"`
	AllowedUsers     []string            `yaml:"allowed_users"`
	AllowedDomains   []string            `yaml:"allowed_domains"`
	AllowedIDPClaims map[string][]string `yaml:"allowed_idp_claims"`
	Rego             Rego                `yaml:"rego"`
	SourcePPL        PPL                 `yaml:"source_ppl"`
	Explanation      string              `yaml:"explanation"`
	Remediation      string              `yaml:"remediation"`
}

// policySource makes the union of everything that is said about who may use r.
func (l *loading) policySource(r *Route, key string) {
	r.Policy.Shorthand = policy.Shorthand{
		Public:        r.AllowPublicUnauthenticatedAccess,
		AnyUser:       r.AllowAnyAuthenticatedUser,
		CORSPreflight: r.CORSAllowPreflight,
		Users:         r.AllowedUsers,
		Domains:       r.AllowedDomains,
		Claims:        r.AllowedIDPClaims,
	}
	for _, p := range l.enforced {
		r.Policy.Policies = append(r.Policy.Policies, p.Policy)
	}
	l.addNamed(r, key)
	for i := range r.SubPolicies {
		r.Policy.Policies = append(r.Policy.Policies, l.subPolicy(&r.SubPolicies[i], l.item(key+".sub_policies", i)))
	}
	asked := len(l.c.ClientCA) > 0 || len(r.DownstreamClientCA) > 0
	r.Policy.DenyInvalidClientCertificate = asked && l.c.DownstreamMTLS.Enforcement != MTLSPolicy
}

// addNamed adds the policies that r names to the enforced ones.
func (l *loading) addNamed(r *Route, key string) {
	seen := make(map[string]bool, len(r.PolicyNames))
	for i, name := range r.PolicyNames {
		under, p := l.item(key+".policies", i), l.known[name]
		switch {
		case seen[name]:
			l.refuse(under, "given twice", "each policy once")
		case p == nil && !l.nameless:
			l.refuse(under, "unknown policy"+didYouMean(name, all(l.known)), "the name of a policy under policies or in policy_dir")
		case p == nil:
		case p.Enforced: // is there already
			p.used = true
		default:
			p.used = true
			r.Policy.Policies = append(r.Policy.Policies, p.Policy)
		}
		seen[name] = true
	}
}

// subPolicy makes a policy of one entry of sub_policies. Whoever writes them
// with a tool keeps both forms of one policy beside each other; all that is
// there counts, as everywhere.
func (l *loading) subPolicy(s *SubPolicy, key string) *policy.Policy {
	p := &policy.Policy{
		Name:        s.Name,
		File:        l.fileOf(key),
		Line:        l.problem(key, "", "").Line,
		Shorthand:   policy.Shorthand{Users: s.AllowedUsers, Domains: s.AllowedDomains, Claims: s.AllowedIDPClaims},
		Explanation: s.Explanation,
		Remediation: s.Remediation,
	}
	if p.Name == "" {
		p.Name = s.ID
	}
	if p.Name == "" {
		p.Name = key
	}
	for name, text := range map[string]string{"name": s.Name, "id": s.ID} {
		if len(text) > maxName || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			l.refuse(key+"."+name, "", fmt.Sprintf("text of at most %d bytes, without line breaks and control characters", maxName))
		}
	}
	l.checkPeople(p.Shorthand, key)
	l.checkAdvice(p, key)
	l.addTexts(p, s.SourcePPL, key+".source_ppl", s.Rego, key+".rego")
	return p
}

// fileOf is the file in which key stands; "" where the environment says it.
func (l *loading) fileOf(key string) string {
	_, o := l.origin(key)
	return o.file
}

// addTexts parses what is written of p, in either language.
func (l *loading) addTexts(p *policy.Policy, ppl PPL, pplKey string, rego Rego, regoKey string) {
	if ppl.node != nil {
		if doc := l.ppl(ppl.node, pplKey); doc != nil {
			p.Documents = append(p.Documents, doc)
		}
	}
	if rego.node == nil {
		return
	}
	if rego.node.Kind != yaml.SequenceNode {
		p.Rego = l.addRego(p.Rego, p.Name, rego.node, regoKey)
		return
	}
	for i, n := range rego.node.Content {
		under := l.item(regoKey, i)
		l.lines[under] = n.Line
		p.Rego = l.addRego(p.Rego, p.Name, n, under)
	}
}

// addRego adds the text of n, which is a part of the policy called name.
func (l *loading) addRego(list []*policy.Module, name string, n *yaml.Node, key string) []*policy.Module {
	s, ok := text(n)
	if !ok || strings.TrimSpace(s) == "" {
		l.refuse(key, "", "text in Rego")
		return list
	}
	_, o := l.origin(key)
	if m := l.rego(fmt.Sprintf("policy %q", name), s, o.spot(n), key); m != nil {
		return append(list, m)
	}
	return list
}

// ppl parses a policy in the policy language: a tree, or a text that holds one.
func (l *loading) ppl(n *yaml.Node, key string) *policy.Document {
	s, isText := text(n)
	if !isText {
		return l.document(n, key)
	}
	_, o := l.origin(key)
	at := o.spot(n)
	root, err := parseYAML([]byte(s))
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		line, _ := at.of(syntax.line, 0)
		l.refuseAt(line, key, syntax.text, "")
		return nil
	}
	if root == nil {
		l.refuse(key, "", "a policy, not an empty text")
		return nil
	}
	if root = l.tree(root, key, at); root == nil {
		return nil
	}
	at.shift(root, make(map[*yaml.Node]bool))
	return l.document(root, key)
}

// tree resolves what a text at a spot holds; nil when it is larger than can be
// read.
func (l *loading) tree(root *yaml.Node, key string, at spot) *yaml.Node {
	r := newResolver(func(line int, under, found, want string) {
		line, _ = at.of(line, 0)
		l.refuseAt(line, within(key, under), found, want)
	})
	root, _ = r.resolve(root, "", 0)
	if r.full {
		return nil
	}
	return root
}

// within is join for a path that may begin with an index.
func within(parent, key string) string {
	if key == "" || key[0] == '[' {
		return parent + key
	}
	return join(parent, key)
}

// document parses a tree whose lines are those of the file it stands in.
func (l *loading) document(n *yaml.Node, key string) *policy.Document {
	doc, err := policy.ParseFile(l.fileOf(key), n)
	if err != nil {
		l.refusePolicy(key, err, func(line, column int) (int, int) { return line, column })
		return nil
	}
	return doc
}

// A module is a text of Rego that was parsed already.
type module struct {
	*policy.Module // nil when the text is wrong
	err            error
}

// rego parses a text that begins at a spot. file names it where it fails later.
func (l *loading) rego(file, s string, at spot, key string) *policy.Module {
	m := l.modules[[2]string{file, s}]
	if m == nil {
		m = &module{}
		m.Module, m.err = policy.ParseRego(file, s)
		l.modules[[2]string{file, s}] = m
		l.allowing[m.Module] = allowRule.MatchString(s)
	}
	if m.err != nil {
		l.refusePolicy(key, m.err, at.of)
		return nil
	}
	return m.Module
}

// refusePolicy reports everything that package policy found under key, each at
// its own place: one key may have several faults.
func (l *loading) refusePolicy(key string, err error, place func(line, column int) (int, int)) {
	var faults policy.Errors
	if !errors.As(err, &faults) {
		l.refuse(key, err.Error(), "")
		return
	}
	for _, f := range faults {
		under := key
		if rest, ok := strings.CutPrefix(f.Path, "policy"); ok {
			under += rest
		}
		e := l.problem(under, f.Problem, f.Want)
		line, column := place(f.Line, f.Column)
		if e.File != environment && line > 0 {
			e.Line, e.Column = line, column
		}
		// Where the lines of the text are no lines of the file, the error has two
		// places.
		if _, exact := place(f.Line, 1); exact == 0 && f.Path == "rego" && f.Line > 0 {
			where := fmt.Sprintf("line %d", f.Line)
			if f.Column > 0 {
				where += fmt.Sprintf(", column %d", f.Column)
			}
			e.Found = where + " of the text: " + f.Problem
		}
		l.errs = append(l.errs, e)
		l.bad[under] = true
	}
}

// allows reports whether p, if it is no shadow, may let somebody in. Of Rego
// it is guessed.
func (l *loading) allows(p *policy.Policy) bool {
	return allows(p.Shorthand, p.Documents) ||
		slices.ContainsFunc(p.Rego, func(m *policy.Module) bool { return l.allowing[m] })
}

func allows(s policy.Shorthand, documents []*policy.Document) bool {
	some := len(s.Users) + len(s.Domains) + len(s.Claims)
	return s.Public || s.AnyUser || some > 0 || slices.ContainsFunc(documents, (*policy.Document).Allows)
}
