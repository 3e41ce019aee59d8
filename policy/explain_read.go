package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// refs are the ground references below input that the criterion's own Rego
// names, in their order, each once.
func (c criterion) refs(doubt bool) []ast.Ref {
	var conditions []string
	for _, cl := range c.kind.clauses(c, &literals{}, doubt) {
		conditions = append(conditions, cl.conditions...)
	}
	body, err := ast.ParseBodyWithOpts(strings.Join(conditions, "\n"),
		ast.ParserOptions{Capabilities: generatedCapabilities(), RegoVersion: ast.RegoV1})
	if err != nil {
		return nil // there are no conditions: it reads nothing
	}
	return inputRefs(body)
}

func inputRefs(x any) []ast.Ref {
	var out []ast.Ref
	ast.WalkRefs(x, func(ref ast.Ref) bool {
		if !ref.HasPrefix(ast.InputRootRef) {
			return false
		}
		ref = ref.ConstantPrefix()
		if len(ref) > 1 && !slices.ContainsFunc(out, func(o ast.Ref) bool { return o.Equal(ref) }) {
			out = append(out, ref)
		}
		return false
	})
	return out
}

// read is what the criterion looked at. A claim may be found at several places;
// the first that is there is the one that was read.
func (c criterion) read(doubt bool, input *ast.Term) []Read {
	if c.session() && lookUp(input, ast.Ref{ast.InputRootDocument, keyPerson}) == nil {
		return []Read{{Name: "person", Value: "nobody is signed in", Absent: true}}
	}
	var out []Read
	for _, ref := range c.refs(doubt) {
		out = addRead(out, ref, input)
	}
	return out
}

// read is what a module may have looked at.
func (m *Module) read(input *ast.Term) []Read {
	if input == nil {
		return nil
	}
	var out []Read
	for _, file := range slices.Sorted(maps.Keys(m.compiler.Modules)) {
		for _, ref := range inputRefs(m.compiler.Modules[file]) {
			out = addRead(out, ref, input)
		}
	}
	return out
}

func addRead(out []Read, ref ast.Ref, input *ast.Term) []Read {
	path := refPath(ref)
	r := Read{Name: Visible(factName(path))}
	if value := lookUp(input, ref); value != nil {
		r.Value = factValue(path, value)
	} else {
		r.Absent = true
	}
	for i := range out {
		if out[i].Name == r.Name {
			if out[i].Absent {
				out[i] = r
			}
			return out
		}
	}
	return append(out, r)
}

// lookUp is what stands at a reference of the input; nil where nothing does.
func lookUp(input *ast.Term, ref ast.Ref) ast.Value {
	v, err := input.Value.Find(ref[1:])
	if err != nil {
		return nil
	}
	return v
}

// refPath is a reference below input as its names.
func refPath(ref ast.Ref) []string {
	path := make([]string, 0, len(ref)-1)
	for _, t := range ref[1:] {
		if s, ok := t.Value.(ast.String); ok {
			path = append(path, string(s))
		} else {
			path = append(path, t.Value.String())
		}
	}
	return path
}

// factNames are facts as people call them.
var factNames = map[string]string{
	"person":                            "person",
	"person.user_id":                    "user id",
	"person.session_id":                 "session",
	"person.signed_in_ms":               "signed in at",
	"person.only_group":                 "only group",
	"http.ip":                           "address",
	"http.raw_path":                     "raw path",
	"http.raw_query":                    "query",
	"http.client_certificate":           "client certificate",
	"http.client_certificate.presented": "client certificate presented",
	"is_valid_client_certificate":       "client certificate valid",
	"now.unix_ms":                       "time",
}

// factName is what people call the fact at a path of the input.
func factName(path []string) string {
	dotted := strings.Join(path, ".")
	if name, ok := factNames[dotted]; ok {
		return name
	}
	switch {
	case len(path) > 2 && path[0] == "person" && path[1] == "claims":
		return "claim " + strings.Join(path[2:], "/")
	case len(path) == 2 && path[0] == "person", len(path) == 2 && path[0] == "http":
		return path[1]
	case len(path) > 2 && path[0] == "http" && (path[1] == "headers" || path[1] == "header_values"):
		return "header " + path[2]
	case len(path) > 2 && path[0] == "http" && path[1] == "query":
		if path[len(path)-1] == "doubtful" {
			return "parameter " + path[2] + " may be read otherwise"
		}
		return "parameter " + path[2]
	case len(path) > 2 && path[0] == "http" && path[1] == "client_certificate":
		return "client certificate " + path[2]
	case len(path) == 4 && path[0] == "now" && path[3] == "ms":
		return "time in " + path[2]
	case len(path) == 4 && path[0] == "now" && path[3] == "weekday":
		return "day in " + path[2]
	case len(path) > 1 && path[0] == "records":
		typ, key, _ := strings.Cut(path[1], "|")
		name := "record " + typ
		if key != "" {
			name += " by " + key
		}
		return strings.Join(append([]string{name}, path[2:]...), " ")
	}
	return dotted
}

// Bounds of a value that is shown: elements of a list, and characters.
const (
	maxShownElements = 12
	maxShownText     = 200
)

// factValue is a value as people read it.
func factValue(path []string, v ast.Value) string {
	last := path[len(path)-1]
	if n, ok := v.(ast.Number); ok {
		if ms, ok := n.Int64(); ok && strings.HasSuffix(last, "ms") {
			if last == "ms" {
				return time.UnixMilli(ms).UTC().Format("15:04:05.999")
			}
			return time.UnixMilli(ms).UTC().Format(time.RFC3339)
		}
	}
	if len(path) > 2 && (path[1] == "headers" || path[1] == "header_values") && SecretHeader(path[2]) {
		return "[redacted]"
	}
	return shown(v, 0)
}

// shown is a value in one line.
func shown(v ast.Value, depth int) string {
	switch v := v.(type) {
	case ast.String:
		return cut(plainWord(string(v)))
	case *ast.Array:
		return shownList(v.Len(), v.Foreach, depth, "[", "]")
	case ast.Set:
		return shownList(v.Len(), v.Foreach, depth, "[", "]")
	case ast.Object:
		foreach := func(f func(*ast.Term)) {
			v.Foreach(func(key, value *ast.Term) {
				name, _ := key.Value.(ast.String)
				if SecretHeader(string(name)) {
					value = ast.StringTerm("[redacted]")
				}
				f(ast.ArrayTerm(key, value))
			})
		}
		return shownList(v.Len(), foreach, depth, "{", "}")
	}
	return cut(Visible(v.String()))
}

func shownList(n int, foreach func(func(*ast.Term)), depth int, open, end string) string {
	if depth > 2 {
		return open + "…" + end
	}
	var items []string
	foreach(func(t *ast.Term) {
		if len(items) >= maxShownElements {
			return
		}
		if pair, ok := t.Value.(*ast.Array); ok && open == "{" {
			name, value := pair.Elem(0).Value, pair.Elem(1).Value
			text := shown(value, depth+1)
			if s, ok := name.(ast.String); ok {
				text = factValueIn(string(s), value, text)
			}
			items = append(items, shown(name, depth+1)+": "+text)
			return
		}
		items = append(items, shown(t.Value, depth+1))
	})
	if more := n - len(items); more > 0 {
		items = append(items, fmt.Sprintf("… %d more", more))
	}
	return open + strings.Join(items, ", ") + end
}

// factValueIn is a member of an object; moments are shown as such.
func factValueIn(name string, v ast.Value, text string) string {
	if n, ok := v.(ast.Number); ok && strings.HasSuffix(name, "_ms") {
		if ms, ok := n.Int64(); ok {
			return time.UnixMilli(ms).UTC().Format(time.RFC3339)
		}
	}
	return text
}

// cut shortens what is longer than a line or two.
func cut(s string) string {
	runes := []rune(s)
	if len(runes) <= maxShownText {
		return s
	}
	return string(runes[:maxShownText]) + fmt.Sprintf("… %d more characters", len(runes)-maxShownText)
}
