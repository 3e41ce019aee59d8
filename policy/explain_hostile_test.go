package policy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// What a stranger or a policy can write must not move the cursor, end the line
// or turn the direction of writing where an administrator reads it.
func TestHostileTextIsEscaped(t *testing.T) {
	t.Parallel()
	for _, text := range slices.Concat(hostile, []string{"a\x1b[2Jb", "a\nallow: yes", "a\r\t\x00", "\u202eevil", "\u2066x", "a\u2028b", "\u200bhidden", "\x9b31m", "\ufeff", "bad \xff utf-8", "\U000e0041"}) {
		t.Run(strconv.Quote(text), func(t *testing.T) {
			t.Parallel()
			said := strings.ToValidUTF8(text, "?") // no policy is anything else
			quoted, err := json.Marshal(said)      // which is YAML as well
			if err != nil {
				t.Fatal(err)
			}
			d := ada()
			d.Email, d.UserID, d.Claims = text+"@example.com", text, map[string]any{"team": []any{text}, text: map[string]any{text: text}}
			d.Groups = []string{text}
			s := by(d)
			s.Request.Path, s.Request.Method, s.Request.RawQuery = "/"+text, text, "tab="+text
			s.Request.Header = func(string) (string, bool) { return text, true }
			s.Records = awayRecords{}
			ppl := "allow: {or: [{email: x}, {user: " + string(quoted) + "}, {claim/team: x}, {groups: x}, {http_header/X-Team: x}, {http_method: PUT}, {http_query/tab: x}, {http_path: {contains: " + string(quoted) + "}}]}\n" +
				"deny: {and: [{groups: {has: " + string(quoted) + "}}, {reject: true}]}"
			hand, err := ParseRego("hand.rego", "package pomerium.policy\nallow := [false, {\"custom\\u001b[2J\\u202e\\n\"}] if input.person.claims")
			if err != nil {
				t.Fatal(err)
			}
			p := compiled(t, Source{Documents: []*Document{document(t, ppl)}, Policies: []*Policy{
				{Name: "p" + said, File: "f" + said, Line: 3, Documents: []*Document{document(t, "allow: {or: [{domain: x}]}")}, Rego: []*Module{hand}},
				{Name: "s" + said, File: "f" + said, Shadow: true, Documents: []*Document{document(t, "allow: {or: [{domain: x}]}")}},
			}})
			x := explained(t, p, s)
			noHostile(t, x)
			noHostile(t, explained(t, program(t, "allow: {or: [{record: {type: posture, field: os, is: mac}}]}"), s))
		})
	}
}

// noHostile looks for what does not belong into a line of text, in both forms.
func noHostile(t *testing.T, x *Explanation) {
	t.Helper()
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	var back any
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	var in func(any)
	in = func(v any) {
		switch v := v.(type) {
		case string:
			if i := strings.IndexFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("JSON holds %q", v)
			}
		case []any:
			for _, item := range v {
				in(item)
			}
		case map[string]any:
			for _, item := range v {
				in(item)
			}
		}
	}
	in(back)
	text := explainedText(t, x)
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the text holds %q", text[i:min(len(text), i+20)])
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "allow: yes") {
			t.Errorf("a line is not ours: %q", line)
		}
	}
}
