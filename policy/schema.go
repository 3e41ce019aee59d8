package policy

import (
	"maps"
	"slices"
	"strings"
)

// A schema is a JSON Schema, draft 2020-12. Keys and words of the language,
// which have no case, are in lower case in it. Its patterns mean the same to
// Go and to JavaScript.
type schema = map[string]any

// Draft is the dialect of our schemas.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// Schema returns a JSON Schema of a policy in PPL, for editors: it takes every
// policy that Parse takes with its names in lower case, and has a description of
// each. Encoding it as JSON always gives the same text. It is the caller's own.
//
// Everything is under "$defs", in names that begin with "ppl", so that other
// schemas can take it in and refer to "#/$defs/ppl".
func Schema() map[string]any {
	return schema{
		"$schema": Draft,
		"title":   "A policy in PPL",
		"$ref":    "#/$defs/ppl",
		"$defs": schema{
			"ppl":           documentSchema(),
			"ppl_rules":     rulesSchema("object"),
			"ppl_allow":     bodySchema("allow"),
			"ppl_deny":      bodySchema("deny"),
			"ppl_criterion": criterionSchema(),
			"ppl_text":      stringSchema(notEmpty(), nil),
			"ppl_list":      listSchema(),
		},
	}
}

func documentSchema() schema {
	s := rulesSchema("object", "array", "null")
	s["description"] = "Who may use a route: an object of allow and deny, or a list of them. Any allow suffices, any deny outranks it, and nothing said means nobody."
	s["items"] = ref("ppl_rules", "")
	return s
}

func rulesSchema(types ...string) schema {
	return objectSchema(types, 1, schema{
		"allow": ref("ppl_allow", "Who is let in: where at least one operator is true, unless a deny is."),
		"deny":  ref("ppl_deny", "Who is kept out, whatever allows them."),
	})
}

// bodySchema is what stands under an action.
func bodySchema(action string) schema {
	list := func(description string) schema {
		return schema{"description": description, "type": "array", "minItems": 1, "items": ref("ppl_criterion", "")}
	}
	s := objectSchema([]string{"object"}, 1, schema{
		string(operatorAnd): list("True when all are true."),
		string(operatorOr):  list("True when at least one is true."),
		string(operatorNot): list("True when none is true."),
		string(operatorNor): list("True when at least one is not true."),
	})
	// The older form that repeats the action: taken, and not proposed.
	s["patternProperties"] = schema{"^action$": schema{"pattern": "^" + AnyCase(action) + "$", "type": "string"}}
	return s
}

func criterionSchema() schema {
	plain, subPaths := schema{}, schema{}
	for _, name := range criterionNames() {
		k := criteria[name]
		s := k.form()
		s["description"] = k.summary
		if k.subPath {
			subPaths["^"+name+`/[\s\S]`] = s // a dot is not every character
		} else {
			plain[name] = s
		}
	}
	s := objectSchema([]string{"object"}, 1, plain)
	s["description"] = "One criterion: its name, and what it compares with."
	s["maxProperties"] = 1
	s["patternProperties"] = subPaths
	return s
}

// objectSchema is a schema of objects with the keys of properties and no others.
func objectSchema(types []string, atLeast int, properties schema) schema {
	s := schema{"type": typesOf(types), "properties": properties, "additionalProperties": false}
	if atLeast > 0 {
		s["minProperties"] = atLeast
	}
	return s
}

// typesOf is the value of "type": lists of type any, as JSON decodes them.
func typesOf(types []string) any {
	if len(types) == 1 {
		return types[0]
	}
	return values(types...)
}

func values(of ...string) []any {
	out := make([]any, len(of))
	for i, v := range of {
		out[i] = v
	}
	return out
}

// ref refers to a definition; the description is of the place, "" for none.
func ref(name, description string) schema {
	s := schema{"$ref": "#/$defs/" + name}
	if description != "" {
		s["description"] = description
	}
	return s
}

// with returns s and more, of which more wins.
func with(s, more schema) schema {
	s = maps.Clone(s)
	maps.Copy(s, more)
	return s
}

// AnyCase returns a pattern that a word of ASCII meets whatever its case.
// JavaScript has no flag for that within a pattern.
func AnyCase(word string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(word) {
		switch {
		case 'a' <= c && c <= 'z':
			b.WriteString("[" + strings.ToUpper(string(c)) + string(c) + "]")
		case slices.Contains([]rune(`.+*?()|[]{}^$\`), c):
			b.WriteString(`\` + string(c))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}
