package config

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A schema is a JSON Schema; see policy.Schema for what all of ours promise.
type schema = map[string]any

// Schema returns a JSON Schema of a configuration, for editors: it takes every
// configuration that Load takes whose keys are in lower case. reference is the
// text of docs/reference.md, where its words and defaults are from. An error
// names keys of which the reference says nothing.
func Schema(reference string) (map[string]any, error) {
	w := newSchemaWriter(reference)
	route := w.object(reflect.TypeFor[Route](), "Routes", "")
	add(route, "policy", w.key("Routes", "policy", refer("ppl")))
	route["required"] = []any{"from"}
	forLater(route, laterRoute)
	top := w.object(reflect.TypeFor[Settings](), "Settings", "")
	for key, words := range map[string]string{
		"routes": "The routes, each from one address to another. The first that matches takes the request; those under policy are tried before.",
		"policy": "More routes, tried before those under routes. A policy in PPL stands under the same key in a route.",
	} {
		add(top, key, schema{"type": []any{"array", "null"}, "items": refer("route"), "description": words})
	}
	forLater(top, laterSettings)
	defs := w.values()
	maps.Copy(defs, policy.Schema()["$defs"].(schema))
	defs["route"] = route
	maps.Copy(top, schema{"$schema": policy.Draft, "title": "Configuration of Cardea", "$defs": defs})
	return top, w.problem()
}

// PolicySchema returns a JSON Schema of a YAML file of policy_dir: a policy in
// PPL, or an object around one. It is otherwise as Schema.
func PolicySchema(reference string) (map[string]any, error) {
	w := newSchemaWriter(reference)
	around := w.object(reflect.TypeFor[policyFile](), "Settings", "policies[]")["properties"].(schema)
	s := policy.Schema()
	defs := s["$defs"].(schema)
	file := maps.Clone(defs["ppl"].(schema))
	properties := maps.Clone(file["properties"].(schema))
	maps.Copy(properties, around)
	// What stands around a policy needs one; see isPolicyObject.
	needs := schema{}
	for key := range around {
		if key != "ppl" {
			needs[key] = []any{"ppl"}
		}
	}
	file["properties"], file["dependentRequired"] = properties, needs
	file["not"] = schema{"type": "object", "required": []any{"ppl"}, "anyOf": []any{schema{"required": []any{"allow"}}, schema{"required": []any{"deny"}}}}
	file["type"] = []any{"object", "array"}
	delete(s, "$ref")
	maps.Copy(s, file)
	for _, name := range []string{"text", "boolean"} {
		defs[name] = w.values()[name]
	}
	s["title"] = "A policy of Cardea in a file of its own"
	return s, w.problem()
}

// A schemaWriter walks the structs of the configuration beside its reference.
type schemaWriter struct {
	rows    map[string]schemaRow // by part and key
	missing []string
}

// A schemaRow is what the reference says of a key.
type schemaRow struct{ kind, preset, meaning string }

func newSchemaWriter(reference string) *schemaWriter {
	w := &schemaWriter{rows: map[string]schemaRow{}}
	part := ""
	for line := range strings.Lines(reference) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			part = heading
		}
		cells := strings.SplitN(strings.Trim(line, "|"), " | ", 4)
		key := strings.TrimSpace(cells[0])
		if len(cells) == 4 && strings.HasPrefix(line, "| `") {
			w.rows[part+" "+strings.Trim(key, "`")] = schemaRow{cells[1], strings.Trim(cells[2], "`"), withoutLinks(strings.TrimSpace(cells[3]))}
		}
	}
	return w
}

// withoutLinks leaves of a link its text: there is nowhere to go from an editor.
func withoutLinks(s string) string {
	for {
		before, rest, found := strings.Cut(s, "[")
		text, after, linked := strings.Cut(rest, "](#")
		_, after, closed := strings.Cut(after, ")")
		if !found || !linked || !closed {
			return s
		}
		s = before + text + after
	}
}

func (w *schemaWriter) problem() error {
	if len(w.missing) == 0 {
		return nil
	}
	return fmt.Errorf("write schema: the reference says nothing of %s", strings.Join(w.missing, ", "))
}

// object is the schema of a struct whose keys the reference has under path.
func (w *schemaWriter) object(t reflect.Type, part, path string) schema {
	properties := schema{}
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		if tag == "" || tag == "-" {
			continue
		}
		key, of := tag, t.Field(i).Type
		if path != "" {
			key = path + "." + tag
		}
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		properties[tag] = w.field(of, part, key)
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	switch t {
	case reflect.TypeFor[NamedPolicy]():
		s["required"] = []any{"name"}
		s["oneOf"] = []any{schema{"required": []any{"ppl"}}, schema{"required": []any{"rego"}}, schema{"required": []any{"file"}}}
	case reflect.TypeFor[User]():
		s["required"] = []any{"email"}
	}
	return s
}

// objectWords describe the objects of which the reference has the keys alone.
var objectWords = map[string]string{
	"console":                               "Who may do what in the console for administrators.",
	"downstream_mtls":                       "Which client certificates are accepted, and who refuses the others.",
	"circuit_breaker_thresholds":            "How much may go to one upstream at a time.",
	"redirect":                              "Answer with another address.",
	"response":                              "Answer with a fixed text.",
	"outlier_detection":                     "When an upstream that fails is taken out for a while.",
	"health_checks[].http_health_check":     "Ask by HTTP.",
	"health_checks[].tcp_health_check":      "Ask by TCP.",
	"health_checks[].grpc_health_check":     "Ask by gRPC.",
	"health_checks[].tcp_health_check.send": "What to send; nothing means that connecting is enough.",
}

// field is the schema of a key, which may be null: it counts as absent then.
func (w *schemaWriter) field(t reflect.Type, part, key string) schema {
	switch {
	case hasTags(t):
		s := w.object(t, part, key)
		s["type"] = []any{"object", "null"}
		if s["description"] = objectWords[key]; objectWords[key] == "" {
			w.missing = append(w.missing, key)
		}
		return s
	case t.Kind() == reflect.Slice && hasTags(t.Elem()):
		return w.key(part, key, schema{"type": []any{"array", "null"}, "items": w.object(t.Elem(), part, key+"[]")})
	case t == reflect.TypeFor[map[string]bool]():
		return w.key(part, key, w.flags())
	}
	return w.key(part, key, valueOf(t))
}

// hasTags reports whether t is an object with keys of its own.
func hasTags(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") != "" {
			return true
		}
	}
	return false
}

// key adds to s what the reference says of a key.
func (w *schemaWriter) key(part, key string, s schema) schema {
	row, ok := w.rows[part+" "+key]
	if !ok {
		w.missing = append(w.missing, key)
	}
	s["description"] = strings.ReplaceAll(row.meaning, "`", "")
	if strings.Contains(row.meaning, "`") { // a keyword of editors; plain text shows the signs
		s["markdownDescription"] = row.meaning
	}
	switch {
	case !ok || row.preset == "–" || row.preset == "see there":
	case row.kind == "boolean":
		s["default"] = row.preset == "true"
	case row.kind == "list":
		list := []any{}
		for one := range strings.SplitSeq(strings.Trim(row.preset, "[]"), ", ") {
			list = append(list, one)
		}
		s["default"] = list
	default:
		s["default"] = row.preset
	}
	return s
}

// flags are the runtime flags by name. Those to come can be off alone.
func (w *schemaWriter) flags() schema {
	properties := schema{}
	for name := range defaultFlags() {
		properties[name] = w.key("Runtime flags", name, schema{"$ref": "#/$defs/flag"})
	}
	for _, name := range laterFlags {
		properties[name].(schema)["$ref"] = "#/$defs/off"
	}
	return schema{"type": []any{"object", "null"}, "properties": properties, "additionalProperties": false}
}

// forLater adds keys that are known and refused. Editors do not propose what a
// pattern names.
func forLater(s schema, later map[string]laterKey) {
	patterns := schema{}
	for _, key := range all(later) {
		words := "Not supported yet."
		if later[key].instead != "" {
			words += " Write " + later[key].instead + "."
		}
		values := []any{nil, false, 0, []any{}, schema{}}
		for _, v := range append([]string{"", "false", "0"}, later[key].harmless...) {
			values = append(values, v)
		}
		patterns["^"+key+"$"] = schema{"enum": values, "description": words, "errorMessage": notYet}
	}
	s["patternProperties"] = patterns
}

func add(s schema, key string, property schema) { s["properties"].(schema)[key] = property }

func refer(name string) schema { return schema{"$ref": "#/$defs/" + name} }

// orNull lets s be null too.
func orNull(s schema) schema { return schema{"anyOf": []any{s, schema{"type": "null"}}} }

// durationType is what scalarInto tells from other numbers.
var durationType = reflect.TypeFor[time.Duration]()
