package policy

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// ParseNode reads one PPL document: an object of allow and deny, or a list of
// such objects. An empty list and null are documents without a rule. Every
// error found is in the returned Errors; the Document is nil then.
//
// The names of the language (allow, or, email, starts_with ...) are read
// whatever their case; everything else, the name of a claim included, keeps
// its case.
func ParseNode(n *yaml.Node) (*Document, error) { return ParseFile("", n) }

// ParseFile is ParseNode for a document that stands in a file: file is what
// Document.File returns.
func ParseFile(file string, n *yaml.Node) (*Document, error) {
	p := &parser{}
	doc := p.document("policy", n)
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	doc.file = file
	return doc, nil
}

// A parser gathers the errors of one document. It goes as deep as the grammar
// does and no deeper, so that a node which contains itself ends.
type parser struct {
	errs    Errors
	visited int
}

func (p *parser) document(path string, n *yaml.Node) *Document {
	doc := &Document{}
	n = p.resolve(path, n)
	if n == nil || isNull(n) {
		return doc
	}
	if n.Kind != yaml.SequenceNode {
		doc.rules = append(doc.rules, p.ruleSet(path, n))
		return doc
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item = p.resolve(at, item); item != nil {
			doc.rules = append(doc.rules, p.ruleSet(at, item))
		}
	}
	return doc
}

func (p *parser) ruleSet(path string, n *yaml.Node) ruleSet {
	var set ruleSet
	if !p.mapping(path, n, "an object of allow and deny") {
		return set
	}
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		at := path + "." + name
		switch name {
		case "allow":
			set.allow = p.body(at, name, e.value)
		case "deny":
			set.deny = p.body(at, name, e.value)
		default:
			p.unknown(path, e.key, "key", e.name, []string{"allow", "deny"})
		}
	}
	return set
}

// body reads the operators of one action.
func (p *parser) body(path, action string, n *yaml.Node) []group {
	if !p.mapping(path, n, "an object of and, or, not, nor") {
		return nil
	}
	var groups []group
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		at := path + "." + name
		switch operator(name) {
		case operatorAnd, operatorOr, operatorNot, operatorNor:
			groups = append(groups, group{operator(name), p.criteria(at, e.value), positionOf(e.key)})
		case "action":
			// An older form repeats the action inside its body. It may repeat
			// it, not contradict it.
			if e.value.Kind != yaml.ScalarNode || !strings.EqualFold(e.value.Value, action) {
				p.want(at, e.value, fmt.Sprintf("%q", action))
			}
		default:
			p.unknown(path, e.key, "operator", e.name, operators)
		}
	}
	if len(groups) == 0 && len(p.errs) == 0 {
		p.want(path, n, "one of and, or, not, nor")
	}
	return groups
}

// criteria reads the list under an operator. An empty list is refused: "all of
// nothing" and "none of nothing" are true, and would let everybody in.
func (p *parser) criteria(path string, n *yaml.Node) []criterion {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.want(path, n, "a list of at least one criterion")
		return nil
	}
	var out []criterion
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item = p.resolve(at, item); item == nil {
			continue
		}
		if c, ok := p.criterion(at, item); ok {
			out = append(out, c)
		}
	}
	return out
}

func (p *parser) criterion(path string, n *yaml.Node) (criterion, bool) {
	if !p.mapping(path, n, "an object with one criterion, such as {email: {is: someone@example.com}}") {
		return criterion{}, false
	}
	entries := p.entries(path, n)
	if len(entries) != 1 {
		// Two keys in one object read as "and" to one person and as "or" to
		// another.
		p.want(path, n, "exactly one criterion in each object of the list")
		return criterion{}, false
	}
	e := entries[0]
	name, sub, hasSub := strings.Cut(e.name, "/")
	name = strings.ToLower(name)
	k := criteria[name]
	if k == nil {
		p.unknownCriterion(path, e.key, name)
		return criterion{}, false
	}
	at := path + "." + e.name
	switch {
	case k.subPath && sub == "":
		p.want(at, e.key, name+"/<name>, such as "+name+"/"+k.example)
		return criterion{}, false
	case hasSub && !k.subPath:
		p.report(at, e.key, fmt.Sprintf("%s takes nothing after a slash", name), name)
		return criterion{}, false
	}
	before := len(p.errs)
	if k.sub != nil {
		canonical, problem, want := k.sub(sub)
		if problem != "" || want != "" {
			p.report(at, e.key, problem, want)
		}
		sub = canonical
	}
	op := k.parse(p, at, e.value)
	if k.notYet {
		p.report(at, e.key, notYet, "")
	}
	return criterion{kind: k, subPath: sub, operand: op, at: positionOf(e.key)}, len(p.errs) == before
}

// insteadOfNesting is what to write where an operator in an operator is meant.
const insteadOfNesting = "For what must not be so, write it under an or of deny, " +
	"or give the criterion an operand that says so (not, not_in, exclude); operators side by side are joined by or"

func positionOf(n *yaml.Node) position { return position{n.Line, n.Column} }

func (p *parser) unknownCriterion(path string, key *yaml.Node, name string) {
	if slices.Contains(operators, name) {
		p.report(path, key, name+" stands in a list of criteria, and operators do not nest", "a criterion. "+insteadOfNesting)
		return
	}
	if why, ok := knownElsewhere[name]; ok {
		p.report(path+"."+name, key, why, "")
		return
	}
	p.unknown(path, key, "criterion", name, criterionNames())
}

// unknown reports a name that the language does not have, with the nearest
// one that it has.
func (p *parser) unknown(path string, at *yaml.Node, what, name string, known []string) {
	problem := fmt.Sprintf("unknown %s %q", what, name)
	if near := Nearest(strings.ToLower(name), known); near != "" {
		problem += fmt.Sprintf(" (did you mean %q?)", near)
	}
	p.report(path, at, problem, "one of "+strings.Join(known, ", "))
}

// want reports that the node is not what it should be.
func (p *parser) want(path string, at *yaml.Node, want string) { p.report(path, at, "", want) }

func (p *parser) report(path string, at *yaml.Node, problem, want string) {
	p.errs = append(p.errs, newError(at.Line, at.Column, path, problem, want))
}
