package policy

import (
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// An inputNode is one place in the input of hand-written Rego.
type inputNode struct {
	reads Reads
	// fields are the names below it; nil where there is no more to know, as the
	// reads are those of the whole.
	fields map[string]*inputNode
	// header marks the object of headers, which has names of its own.
	header bool
	// refused says why nothing can be read there.
	refused string
}

// inputRoot is the input of hand-written Rego. What is not here cannot be read.
var inputRoot = &inputNode{fields: map[string]*inputNode{
	"http": {fields: map[string]*inputNode{
		"method":    {reads: Reads{Method: true}},
		"host":      {reads: Reads{Host: true}},
		"hostname":  {reads: Reads{Host: true}},
		"path":      {reads: Reads{Path: true}},
		"raw_path":  {reads: Reads{RawPath: true}},
		"raw_query": {reads: Reads{Query: true}},
		"url":       {reads: Reads{Host: true, RawPath: true, Query: true}},
		"ip":        {reads: Reads{Address: true}},
		"headers":   {reads: Reads{AllHeaders: true, Volatile: true}, header: true},
		"client_certificate": {fields: map[string]*inputNode{
			"presented":     {reads: Reads{Certificate: true}},
			"leaf":          {reads: Reads{Certificate: true, CertificateLeaf: true}},
			"intermediates": {reads: Reads{Certificate: true, CertificateLeaf: true}},
		}},
		"body": {refused: notYet},
	}},
	"session": {fields: map[string]*inputNode{
		"id":      {reads: Reads{Session: true}},
		"user_id": {reads: Reads{Session: true}},
	}},
	"person": {fields: personFields("session_id", "user_id", "email", "domain", "groups", "only_group",
		"claims", "signed_in_ms", "devices", "grants")},
	"is_valid_client_certificate": {reads: Reads{Certificate: true}},
	"now": {fields: map[string]*inputNode{
		"unix_ms": {reads: Reads{Clock: true, Volatile: true}},
	}},
	"ssh": {refused: notYet},
	"mcp": {refused: notYet},
}}

func personFields(names ...string) map[string]*inputNode {
	fields := map[string]*inputNode{}
	for _, name := range names {
		fields[name] = &inputNode{reads: Reads{Session: true}}
	}
	return fields
}

// whole is what is read by whoever takes all of it.
func (n *inputNode) whole() Reads {
	r := n.reads
	for _, name := range slices.Sorted(maps.Keys(n.fields)) {
		r = r.union(n.fields[name].whole())
	}
	return r
}

// A reference is how far one reference to the input can be followed.
type reference struct {
	reads   Reads
	problem string // what is wrong with it; "" for nothing
}

// follow finds what a reference to the input reads. Where it goes on with
// something that is only known later, it reads all that is there.
func follow(ref ast.Ref) reference {
	node, path := inputRoot, "input"
	for _, t := range ref[1:] {
		name, ok := t.Value.(ast.String)
		switch {
		case !ok:
			r := node.whole()
			r.Volatile = r.Volatile || node.fields != nil
			return reference{reads: r}
		case node.header:
			return followHeader(string(name))
		case node.fields == nil:
			return reference{reads: node.reads}
		}
		next := node.fields[string(name)]
		path += "." + string(name)
		if next == nil {
			return reference{problem: unknownInput(path, string(name), node)}
		}
		if next.refused != "" {
			return reference{problem: path + " is " + next.refused}
		}
		node = next
	}
	return reference{reads: node.whole()}
}

func unknownInput(path, name string, node *inputNode) string {
	problem := path + " does not exist"
	if near := Nearest(name, slices.Sorted(maps.Keys(node.fields))); near != "" {
		return problem + ", want " + strings.TrimSuffix(path, name) + near
	}
	return problem
}

func followHeader(name string) reference {
	if canonical := textproto.CanonicalMIMEHeaderKey(name); canonical != name {
		return reference{problem: "header names are canonical here, want " + ast.StringTerm(canonical).String()}
	}
	if SecretHeader(name) {
		return reference{problem: "the header " + name + " is not shown to policies"}
	}
	return reference{reads: Reads{Headers: []string{name}}}
}

// checkReferences refuses what is not in the input and what is not in data.
// Before compilation names may stand for others, so that only references to
// the input itself are looked at.
func (f *findings) checkReferences(m *ast.Module, compiled bool) {
	rules := map[string]bool{}
	for _, rule := range m.Rules {
		rules[string(rule.Head.Ref()[0].Value.(ast.Var))] = true
	}
	look := func(t *ast.Term) bool {
		ref, ok := t.Value.(ast.Ref)
		if !ok {
			return false
		}
		switch {
		case ref[0].Equal(ast.InputRootDocument):
			if found := follow(ref); found.problem != "" {
				f.addOnce(t.Loc(), found.problem)
			}
		case compiled && ref[0].Equal(ast.DefaultRootDocument) && !ownRule(ref, rules):
			f.addOnce(t.Loc(), ref.ConstantPrefix().String()+" does not exist: there are no documents but the rules of this text")
		}
		return false
	}
	for _, rule := range m.Rules {
		ast.WalkTerms(rule, look)
	}
}

// addOnce adds what has not been said about the line.
func (f *findings) addOnce(at *ast.Location, problem string) {
	for _, e := range f.all {
		if e.Problem == problem && (at == nil || e.Line == at.Row) {
			return
		}
	}
	f.add(at, "%s", problem)
}

// ownRule reports whether a reference to data is to a rule of the module.
func ownRule(ref ast.Ref, rules map[string]bool) bool {
	own := ast.MustParseRef("data." + packageName)
	if len(ref) <= len(own) || !ref.HasPrefix(own) {
		return false
	}
	name, ok := ref[len(own)].Value.(ast.String)
	return ok && rules[string(name)]
}

// readsOf finds what a compiled module reads: every reference to the input in
// it, wherever it stands, and what its functions read.
func readsOf(m *ast.Module) (reads Reads) {
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Package, *ast.Import:
			return true
		case *ast.Expr:
			if terms, ok := x.Terms.([]*ast.Term); ok {
				reads = reads.union(functionReads(terms))
			}
		case ast.Call:
			reads = reads.union(functionReads(x))
		case *ast.Term:
			switch v := x.Value.(type) {
			case ast.Ref:
				if !v[0].Equal(ast.InputRootDocument) {
					return false
				}
				reads = reads.union(follow(v).reads)
				for _, part := range v[1:] {
					visitor.Walk(part)
				}
				return true
			case ast.Var:
				if v.Equal(ast.InputRootDocument.Value) {
					reads = reads.union(follow(ast.Ref{x}).reads)
					reads.Volatile = true
				}
			}
		}
		return false
	})
	visitor.Walk(m)
	return reads
}

// functionReads is what a call reads beside its arguments.
func functionReads(call []*ast.Term) Reads {
	ref, ok := call[0].Value.(ast.Ref)
	if !ok {
		return Reads{Volatile: true}
	}
	name := ref.String()
	if name == recordFunction.Name {
		return recordReads(call)
	}
	if name == ast.NowNanos.Name || name == ast.JWTDecodeVerify.Name {
		return Reads{Clock: true, Volatile: true}
	}
	if known := ast.BuiltinMap[name]; known != nil && known.IsNondeterministic() {
		return Reads{Volatile: true}
	}
	return Reads{}
}
