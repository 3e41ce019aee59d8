package policy

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// ParseCriteria reads a list of criteria as it stands under "or" in a rule:
// whoever one of them is true of is allowed. It is for rules about people away
// from any request, so that criteria which read one are refused by name. An
// empty list, as null, allows nobody. file and errors are those of ParseFile.
func ParseCriteria(file string, n *yaml.Node) (*Document, error) {
	p := &parser{}
	doc := &Document{file: file}
	n = p.resolve("policy", n)
	if n == nil || isNull(n) {
		return doc, p.problem()
	}
	if n.Kind != yaml.SequenceNode {
		p.want("policy", n, "a list of criteria")
		return nil, p.problem()
	}
	g := group{operator: operatorOr, at: positionOf(n)}
	for i, item := range n.Content {
		path := fmt.Sprintf("policy[%d]", i)
		if item = p.resolve(path, item); item == nil {
			continue
		}
		c, ok := p.criterion(path, item)
		if ok && c.asksRequest() {
			p.report(path+"."+c.kind.name, item, "it is about a request", "a criterion about the person or the time")
		}
		g.criteria = append(g.criteria, c)
	}
	if err := p.problem(); err != nil {
		return nil, err
	}
	if len(g.criteria) > 0 {
		doc.rules = []ruleSet{{allow: []group{g}}}
	}
	return doc, nil
}

// problem is what was found, nil for nothing.
func (p *parser) problem() error {
	if len(p.errs) == 0 {
		return nil
	}
	return p.errs
}

// asksRequest reports whether c reads more than the person and the clock, or
// may: a record without a key is looked up by the address too.
func (c criterion) asksRequest() bool {
	r := c.reads()
	for _, record := range r.Records {
		if record.Key != KeyUserID && record.Key != KeyUserEmail {
			return true
		}
	}
	return r.Method || r.Path || r.RawPath || r.Query || r.Host || r.Address || r.Certificate || r.CertificateLeaf ||
		r.AllHeaders || r.Volatile || len(r.Headers) > 0 || len(r.Parameters) > 0
}
