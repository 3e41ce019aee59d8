package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A referenceRow is one key as docs/reference.md must show it.
type referenceRow struct{ key, kind, preset string }

// reference lists the keys of a struct; v holds the defaults.
func reference(v reflect.Value, parent string) []referenceRow {
	var rows []referenceRow
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("yaml")
		if tag == "" || tag == "-" {
			continue
		}
		key, f := join(parent, tag), v.Field(i)
		t := f.Type()
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if hasKeys(t) {
			if f.Kind() == reflect.Pointer {
				f = reflect.New(t).Elem()
			}
			rows = append(rows, reference(f, key)...)
			continue
		}
		rows = append(rows, referenceRow{key, kindName(t), presetText(f)})
		if t.Kind() == reflect.Slice && hasKeys(t.Elem()) {
			rows = append(rows, reference(reflect.New(t.Elem()).Elem(), key+"[]")...)
		}
	}
	return rows
}

// hasKeys reports whether t is an object with keys of its own.
func hasKeys(t reflect.Type) bool {
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

// kindName is what a person calls the type of a key.
func kindName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Secret]():
		return "secret"
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Base64]():
		return "base64"
	case reflect.TypeFor[URL](), reflect.TypeFor[From]():
		return "URL"
	case reflect.TypeFor[[]Upstream]():
		return "URL or list"
	case reflect.TypeFor[PPL]():
		return "policy"
	case reflect.TypeFor[Criteria]():
		return "criteria"
	case reflect.TypeFor[Rego]():
		return "text or list"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[ClaimHeaders]():
		return "map or list"
	}
	if _, word := enums[t]; word {
		return "word"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	case reflect.Map:
		return "map"
	case reflect.Slice:
		return "list"
	}
	return "number"
}

// presetText writes a default; "–" is none.
func presetText(v reflect.Value) string {
	if v.Kind() == reflect.Pointer || v.IsZero() {
		return "–"
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		s := strings.TrimSuffix(x.String(), "m0s") + "m"
		if !strings.HasSuffix(x.String(), "m0s") {
			s = x.String()
		}
		return "`" + strings.TrimSuffix(s, "0m") + "`"
	case []string:
		return "`[" + strings.Join(x, ", ") + "]`"
	case map[string]bool:
		return "see there"
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return "–"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// described are the defaults that depend on the place or on other keys; their
// rows say so in words.
var described = []string{"data_dir", "authenticate_service_url", "proxy_log_level"}

// wanted are the rows of each part of the reference.
func wanted(t *testing.T) map[string][]referenceRow {
	t.Helper()
	c := mustLoad(t, "routes: [{from: 'https://a.localhost', response: {status: 200}}]")
	settings := reference(reflect.ValueOf(c.Settings), "")
	for i := range settings {
		if slices.Contains(described, settings[i].key) {
			settings[i].preset = "see there"
		}
	}
	r := *c.Routes[0]
	r.From = From{}
	routes := append(reference(reflect.ValueOf(r), ""), referenceRow{"policy", "policy", "–"})
	parts := map[string][]referenceRow{"Settings": settings, "Routes": routes}
	for name, on := range defaultFlags() {
		parts["Runtime flags"] = append(parts["Runtime flags"], referenceRow{name, "boolean", fmt.Sprintf("`%t`", on)})
	}
	return parts
}

var (
	rowForm  = regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| (.+) \\|$")
	nameForm = regexp.MustCompile("`([a-z0-9_]+)`")
)

// TestReference holds docs/reference.md against the structs, both ways.
func TestReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	got, part := make(map[string][]referenceRow), ""
	names := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if h, ok := strings.CutPrefix(line, "## "); ok {
			part = h
		}
		if m := rowForm.FindStringSubmatch(line); m != nil {
			got[part] = append(got[part], referenceRow{m[1], m[2], m[3]})
			if len(m[4]) < 8 {
				t.Errorf("%s says nothing: %q", m[1], m[4])
			}
		}
		if list, ok := strings.CutPrefix(line, "- "); ok {
			list, _, _ = strings.Cut(list, ":")
			for _, m := range nameForm.FindAllStringSubmatch(list, -1) {
				names[part] = append(names[part], m[1])
			}
		}
	}
	byKey := func(a, b referenceRow) int { return strings.Compare(a.key, b.key) }
	for part, rows := range wanted(t) {
		slices.SortFunc(rows, byKey)
		slices.SortFunc(got[part], byKey)
		if diff := cmp.Diff(rows, got[part], cmp.AllowUnexported(referenceRow{})); diff != "" {
			t.Errorf("%s (-code +reference):\n%s", part, diff)
		}
	}
	for part, keys := range map[string][]string{
		"Not supported yet":           all(laterSettings),
		"Not supported yet in routes": all(laterRoute),
		"Removed":                     append(all(removedSettings), all(removedRoute)...),
	} {
		slices.Sort(keys)
		slices.Sort(names[part])
		if diff := cmp.Diff(keys, names[part]); diff != "" {
			t.Errorf("%s (-code +reference):\n%s", part, diff)
		}
	}
}
