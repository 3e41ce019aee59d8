package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/internal/schematest"
)

// referenceText is the reference as the schemas take it.
func referenceText(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// validator is a schema as another program reads it, from its JSON.
func validator(t testing.TB, made func(string) (map[string]any, error)) *jsonschema.Schema {
	t.Helper()
	s, err := made(referenceText(t))
	if err != nil {
		t.Fatal(err)
	}
	return schematest.Compile(t, s)
}

// plain reads YAML as an editor gives it to a validator.
func plain(t testing.TB, text []byte) (v any, err error) {
	t.Helper()
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	text, err = json.Marshal(v) // an object with a key that is no text is none
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

func TestSchemaTakesWhatLoads(t *testing.T) {
	t.Parallel()
	s := validator(t, Schema)
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range append(files, "../docs/quickstart/config.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// Names without case are in lower case in the schema.
		v, err := plain(t, bytes.ReplaceAll(text, []byte("Routes_Portal"), []byte("routes_portal")))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// structural are the errors that a schema can see, in the words of the loader.
var structural = regexp.MustCompile(`unknown (key|criterion|operator|flag)|want (an object with keys|a list( of text| of routes)?|text|true or false|` +
	`a duration such as .*|a size such as .*|a whole number.*|a mapping .*|base64|one of ppl, rego and file)$|removed from the configuration|not supported yet$`)

// TestSchemaRefusesBad wants every file of testdata/bad refused whose errors are
// of form; the others are about values and about what belongs together.
func TestSchemaRefusesBad(t *testing.T) {
	t.Parallel()
	s := validator(t, Schema)
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	refused, seen := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := plain(t, text)
		if err != nil {
			continue // no YAML, or keys twice: an editor says so itself
		}
		valid := s.Validate(v)
		if valid != nil {
			refused++
		}
		var all Errors
		if _, err := Load(t.Context(), Options{File: file}); !errors.As(err, &all) {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range all {
			if structural.MatchString(e.Error()) {
				seen++
				if valid == nil {
					t.Errorf("%s is taken in spite of %v", file, e)
				}
				break
			}
		}
	}
	t.Logf("%d of %d refused; %d had to be", refused, len(files), seen)
	if seen < 40 {
		t.Errorf("only %d files have an error of form: this test has lost sight of them", seen)
	}
}

// TestSchemaOfValues gives the same texts to the loader and the schema, for
// every type that is one word of text.
func TestSchemaOfValues(t *testing.T) {
	t.Parallel()
	w := newSchemaWriter("")
	samples := []string{
		"''", "text", "7", "0", "'0'", "007", "1.5", "-1", "'+1'", "4294967296", "true", "'false'", "T", "yes", "\"on\"", "[]", "{}",
		"30s", "1h30m", "1.5h", ".5s", "5", "-5s", "1d", "0s", "64MiB", "1 gib", "64", "64MB", "aGVsbG8=", "a b", "a*b", "https://a.example", "http://user@a.example",
		"https://a.example/p?q#f", "a.example", "https://", "mailto:a@b.c",
	}
	for _, of := range enums {
		for _, word := range of.words {
			for _, s := range []string{word[0], strings.ToUpper(word[0]), of.prefix + word[0], strings.ToLower(of.prefix) + strings.ToUpper(word[0])} {
				samples = append(samples, "'"+s+"'")
			}
			if _, ending, ok := strings.Cut(word[0], "_"); ok {
				samples = append(samples, ending)
			}
		}
		samples = append(samples, "'"+of.unset+"'", "'"+of.later+"'")
	}
	types := []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[Secret](), reflect.TypeFor[bool](), reflect.TypeFor[time.Duration](), reflect.TypeFor[Base64](),
		reflect.TypeFor[URL](), reflect.TypeFor[Size](), reflect.TypeFor[uint32](), reflect.TypeFor[int64](),
	}
	for e := range enums {
		types = append(types, e)
	}
	for _, typ := range types {
		s := schematest.Compile(t, schema{"$defs": w.values(), "allOf": []any{valueOf(typ)}})
		for _, sample := range samples {
			var n yaml.Node
			if err := yaml.Unmarshal([]byte(sample), &n); err != nil {
				t.Fatal(err)
			}
			want, _ := newLoading(Options{}).scalarInto(n.Content[0], reflect.New(typ).Elem())
			v, err := plain(t, []byte(sample))
			if err != nil {
				t.Fatal(err)
			}
			if _, isText := v.(string); typ == reflect.TypeFor[Base64]() && !isText {
				continue // "true" without quotes is base64 to the loader
			}
			err = s.Validate(v)
			if (want == "") != (err == nil) {
				t.Errorf("%v: %s: loader wants %q, schema says %v", typ, sample, want, err)
			}
		}
	}
}

// TestPolicySchema gives the same files to ReadPolicy and the schema.
func TestPolicySchema(t *testing.T) {
	t.Parallel()
	s := validator(t, PolicySchema)
	for text, good := range map[string]bool{
		"allow: {or: [accept: true]}":                                               true,
		"- allow: {or: [accept: true]}":                                             true,
		"ppl: {allow: {or: [accept: true]}}":                                        true,
		"ppl: [{deny: {or: [accept: true]}}]\nexplanation: Why.\nshadow: true":      true,
		"ppl: |\n  allow: {or: [accept: true]}\nremediation: How.\nenforced: false": true,
		"explanation: Why.":                                                         false,
		"allow: {or: [accept: true]}\nshadow: true":                                 false,
		"ppl: {allow: {or: [accept: true]}}\nallow: {}":                             false,
		"ppl: {allow: {or: [accept: true]}}\nname: x":                               false,
		"ppl: {allow: {or: [accept: false]}}":                                       false,
		"ppl: 7\nshadow: maybe":                                                     false,
		"rego: x":                                                                   false,
		"text":                                                                      false,
	} {
		file := filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadPolicy(t.Context(), file)
		v, readErr := plain(t, []byte(text))
		if readErr != nil {
			t.Fatal(readErr)
		}
		if valid := s.Validate(v); (err == nil) != good || (valid == nil) != good {
			t.Errorf("%s: want good %t; loader %v, schema %v", text, good, err, valid)
		}
	}
}

// TestSchemaWantsDescriptions takes one row out of the reference.
func TestSchemaWantsDescriptions(t *testing.T) {
	t.Parallel()
	text := referenceText(t)
	row := regexp.MustCompile("(?m)^\\| `cookie_name` .*\n").FindString(text)
	_, err := Schema(strings.Replace(text, row, "", 1))
	if row == "" || err == nil || !strings.HasSuffix(err.Error(), "says nothing of cookie_name") {
		t.Errorf("without %q: %v", row, err)
	}
}
