package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// packageLine is what a text without a package line gets, as a line of its own
// before that of the first word.
const packageLine = "package " + packageName + "\n"

// parseWritten parses a text that may leave out its package line.
func parseWritten(file, text string) (*ast.Module, error) {
	options := ast.ParserOptions{
		Capabilities: writtenCapabilities(), RegoVersion: ast.RegoV1, ProcessAnnotation: true,
	}
	at := firstWord(text)
	if strings.HasPrefix(text[at:], "package") && (len(text) == at+7 || strings.IndexByte(" \t\r\n#", text[at+7]) >= 0) {
		return nonNil(ast.ParseModuleWithOpts(file, text, options))
	}
	parsed, err := parseAdded(file, text, at, options)
	if err != nil && at > 0 {
		// Comments at the top may be metadata of the first rule. They stand
		// before it if the package line stands before them.
		if again, secondErr := parseAdded(file, text, 0, options); secondErr == nil {
			return again, nil
		}
	}
	return parsed, err
}

func nonNil(m *ast.Module, err error) (*ast.Module, error) {
	if err == nil && m == nil {
		return nil, ast.Errors{ast.NewError(ast.ParseErr, nil, "the text is empty")}
	}
	return m, err
}

// parseAdded parses the text with a package line at an offset and gives all
// places in it the lines and columns of the text itself.
func parseAdded(file, text string, at int, o ast.ParserOptions) (*ast.Module, error) {
	at = strings.LastIndexByte(text[:at], '\n') + 1
	row := 1 + strings.Count(text[:at], "\n")
	seen := map[*ast.Location]bool{}
	move := func(l *ast.Location) {
		if l != nil && l.Row > row && !seen[l] {
			seen[l] = true
			l.Row--
		}
	}
	parsed, err := nonNil(ast.ParseModuleWithOpts(file, text[:at]+packageLine+text[at:], o))
	if all, ok := err.(ast.Errors); ok {
		for _, e := range all {
			move(e.Location)
		}
	}
	if err != nil {
		return nil, err
	}
	ast.NewGenericVisitor(func(x any) bool {
		if node, ok := x.(interface{ Loc() *ast.Location }); ok {
			move(node.Loc())
		}
		return false
	}).Walk(parsed)
	return parsed, nil
}

// firstWord returns the offset of what is neither space nor comment.
func firstWord(text string) int {
	i := 0
	for i < len(text) {
		switch text[i] {
		case ' ', '\t', '\r', '\n':
			i++
		case '#':
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				return len(text)
			}
			i += end + 1
		default:
			return i
		}
	}
	return i
}

// Bounds of one text: each rule and each expression that is open at a time
// takes room on the stack, and compiling many, above all many elses of one
// rule, takes long.
const (
	maxRules       = 1000
	maxElse        = 100
	maxExpressions = 5000
)

// checkSize refuses what would take too long to compile.
func (f *findings) checkSize(m *ast.Module) {
	expressions := 0
	ast.WalkExprs(m, func(*ast.Expr) bool { expressions++; return false })
	if len(m.Rules) > maxRules || expressions > maxExpressions {
		f.add(m.Package.Loc(), "%d rules with %d expressions are too many, want at most %d with %d",
			len(m.Rules), expressions, maxRules, maxExpressions)
	}
	for _, rule := range m.Rules {
		elses := 0
		for r := rule.Else; r != nil; r = r.Else {
			elses++
		}
		if elses > maxElse {
			f.add(rule.Loc(), "one rule has %d elses, want at most %d", elses, maxElse)
		}
	}
}

// checkRules looks for what the shape of the text already shows to be wrong.
func (f *findings) checkRules(m *ast.Module) {
	if path := strings.TrimPrefix(m.Package.Path.String(), "data."); path != packageName {
		f.add(m.Package.Loc(), "package %s is not read, want package %s or no package line", path, packageName)
		return
	}
	halves := 0
	for _, rule := range m.Rules {
		name := string(rule.Head.Ref()[0].Value.(ast.Var))
		if name != "allow" && name != "deny" {
			continue
		}
		halves++
		f.checkHalf(name, rule)
	}
	if halves == 0 {
		f.add(&ast.Location{Row: 1, Col: 1}, "the text defines neither allow nor deny")
	}
}

const wantResult = "want a boolean, or an array of a boolean, reasons and an object"

// checkHalf looks at one rule of allow or deny.
func (f *findings) checkHalf(name string, rule *ast.Rule) {
	head := rule.Head
	switch {
	case len(head.Args) > 0:
		f.add(rule.Loc(), "%s is a function, %s", name, wantResult)
		return
	case head.Key != nil && head.Value == nil:
		f.add(rule.Loc(), "%s is a set, %s", name, wantResult)
		return
	case head.Key != nil || len(head.Ref()) > 1:
		f.add(rule.Loc(), "%s is an object, %s", name, wantResult)
		return
	}
	for r := rule; r != nil; r = r.Else {
		if r.Head.Value != nil {
			f.checkValue(name, r.Head.Value)
		}
	}
}

// checkValue refuses a value that can be no result, where it is written out.
func (f *findings) checkValue(name string, t *ast.Term) {
	at := t.Loc()
	switch v := t.Value.(type) {
	case ast.String, ast.Number, ast.Null, ast.Object, ast.Set, *ast.SetComprehension, *ast.ObjectComprehension:
		f.add(at, "%s is %s, %s", name, article(ast.ValueName(v)), wantResult)
	case *ast.Array:
		if v.Len() == 0 || v.Len() > 3 {
			f.add(at, "%s is an array of %d, %s", name, v.Len(), wantResult)
			return
		}
		switch first := v.Elem(0).Value.(type) {
		case ast.String, ast.Number, ast.Null, ast.Object, ast.Set, *ast.Array:
			f.add(at, "the first of %s is %s, %s", name, article(ast.ValueName(first)), wantResult)
		}
	}
}

func article(name string) string {
	name = strings.TrimSuffix(name, "comprehension")
	if strings.IndexByte("aeiou", name[0]) >= 0 {
		return "an " + name
	}
	if name == "null" {
		return name
	}
	return "a " + name
}

// metadata reads the comments about the whole text: those of the package, or
// else of the first rule that has any.
func (f *findings) metadata(m *ast.Module) (out Metadata) {
	var found *ast.Annotations
	for _, a := range m.Annotations {
		if found == nil || a.Scope == "package" && found.Scope != "package" {
			found = a
		}
	}
	if found == nil {
		return out
	}
	out.Title, out.Description = found.Title, found.Description
	text := func(name string) string {
		switch v := found.Custom[name].(type) {
		case nil:
			return ""
		case string:
			return v
		default:
			f.add(found.Loc(), "custom.%s is %v, want text", name, v)
			return ""
		}
	}
	truth := func(name string) bool {
		switch v := found.Custom[name].(type) {
		case nil:
			return false
		case bool:
			return v
		default:
			f.add(found.Loc(), "custom.%s is %s, want true or false", name, strings.TrimSpace(fmt.Sprint(v)))
			return false
		}
	}
	out.Explanation, out.Remediation = text("explanation"), text("remediation")
	out.Shadow, out.Enforced = truth("shadow"), truth("enforced")
	return out
}
