package policy

import (
	"errors"
	"fmt"
	"testing"
)

// told checks that an error says something, and nothing that a terminal acts on.
func told(t *testing.T, err error) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 || err.Error() == "" {
		t.Fatalf("an error that says nothing: %#v", err)
	}
	for _, e := range all {
		for _, text := range []string{e.Path, e.Problem, e.Want, e.Message(), e.Error()} {
			if Visible(text) != text {
				t.Fatalf("an error that says more than it seems to: %q", text)
			}
		}
	}
}

// Errors quote the policy they are about, in terminals and in logs.
func TestErrorsHoldNothingThatActs(t *testing.T) {
	t.Parallel()
	const evil = `"PUT\u202e\e[2J\nx"` // as YAML writes it
	keys := []string{"days", "timezone", "after", "before", "type", "field", "key", "approved", "fingerprint", "spki_hash", "san_email", "exists", "<", evil}
	for _, list := range [][]string{stringOperators, listOperators} {
		keys = append(keys, list...)
	}
	refused := 0
	try := func(text string) {
		if _, err := parseText(text); err != nil {
			refused++
			told(t, err)
		}
	}
	for _, name := range append(criterionNames(), evil) {
		sub := fmt.Sprintf("%q", name)
		if k := criteria[name]; k != nil && k.subPath {
			try(`allow: {or: [{"` + name + `/a\u202e": ` + evil + `}]}`)
			try(`allow: {or: [{"` + name + `/a\u202e": {` + evil + `: 1}}]}`)
			sub = fmt.Sprintf("%q", name+"/x")
		} else if name == evil {
			sub = evil
		} else {
			try(`allow: {or: [{"` + name + `/a\u202e": true}]}`)
		}
		try("allow: {or: [{" + sub + ": " + evil + "}]}")
		try("allow: {or: [{" + sub + ": [" + evil + "]}]}")
		for _, key := range keys {
			try(fmt.Sprintf("allow: {or: [{%s: {%s: %s}}]}", sub, key, evil))
			try(fmt.Sprintf("allow: {or: [{%s: {%s: [%s, {}]}}]}", sub, key, evil))
		}
	}
	for _, text := range []string{evil + ": 1", "allow: {" + evil + ": [{accept: }]}", "allow: {or: [{accept: }], " + evil + ": 1, " + evil + ": 1}"} {
		try(text)
	}
	if refused < 500 {
		t.Errorf("only %d of these texts were refused", refused)
	}
	for _, text := range []string{
		"allow if x\u202e", "allow if input[\"\u202e\"]",
		"# METADATA\n# custom:\n#   shadow: \"\\u202e\\e\"\nallow := true", "# METADATA\n# custom:\n#   explanation: [\"\\u202e\"]\nallow := true",
		"package x\u202e", "package pomerium.policy[\"\u202e\"]\nallow := true", "allow if data[\"\u202e\"]",
	} {
		if _, err := ParseRego("x.rego", text); err != nil {
			told(t, err)
		} else {
			t.Errorf("%q was taken", text)
		}
		if _, err := Tidy("x.rego", []byte(text)); err != nil {
			told(t, err)
		}
	}
	for _, text := range []string{"a: *b\u202e", "a: \x1b", "%\u202e\n---\n", "&\u202e", "a: !\u202e<"} {
		if _, err := Tidy("x.yaml", []byte(text)); err != nil {
			told(t, err)
		}
	}
}

// What was seen: a method that is not in upper case is repeated in upper case.
func TestTheMethodThatIsWantedIsEscaped(t *testing.T) {
	t.Parallel()
	_, err := parseText(`allow: {or: [{http_method: "put\u202e"}]}`)
	const want = `1:28: policy.allow.or[0].http_method: want PUT\u202e (methods are case-sensitive)`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
