package policy

import (
	"slices"
	"testing"
)

// The criteria of these tables: a path is /reports/1 and the method GET.
const (
	isTrue   = "{http_method: GET}"           // http-method-ok
	isTrue2  = "{http_path: /reports/1}"      // http-path-ok
	isFalse  = "{http_method: PUT}"           // http-method-unauthorized
	isFalse2 = "{http_path: /other}"          // http-path-unauthorized
	ofEmail  = "{email: ada@example.com}"     // email-ok
	ofOther  = "{email: someone@example.com}" // email-unauthorized
)

const (
	methodOK = "http-method-ok"
	methodNo = "http-method-unauthorized"
	pathOK   = "http-path-ok"
	pathNo   = "http-path-unauthorized"
	emailOK  = "email-ok"
	emailNo  = "email-unauthorized"
	nobody   = "user-unauthenticated"
)

func TestOperators(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		body    string
		truth   bool
		reasons []string
	}{
		{"and of all true", "and: [" + isTrue + "," + isTrue2 + "]", true, reasons(methodOK, pathOK)},
		{"and of one false has its reason", "and: [" + isTrue + "," + isFalse2 + "]", false, reasons(pathNo)},
		{"and of all false has all reasons", "and: [" + isFalse + "," + isFalse2 + "]", false, reasons(methodNo, pathNo)},
		{"and of one", "and: [" + isTrue + "]", true, reasons(methodOK)},
		{"or of all true has all reasons", "or: [" + isTrue + "," + isTrue2 + "]", true, reasons(methodOK, pathOK)},
		{"or of one true has its reason", "or: [" + isTrue + "," + isFalse2 + "]", true, reasons(methodOK)},
		{"or of all false has all reasons", "or: [" + isFalse + "," + isFalse2 + "]", false, reasons(methodNo, pathNo)},
		{"not of all false is true", "not: [" + isFalse + "," + isFalse2 + "]", true, reasons(methodNo, pathNo)},
		{"not of one true is false", "not: [" + isTrue + "," + isFalse2 + "]", false, reasons(methodOK)},
		{"not of all true is false", "not: [" + isTrue + "," + isTrue2 + "]", false, reasons(methodOK, pathOK)},
		{"nor of all false is true", "nor: [" + isFalse + "," + isFalse2 + "]", true, reasons(methodNo, pathNo)},
		{"nor of one false is true", "nor: [" + isTrue + "," + isFalse2 + "]", true, reasons(pathNo)},
		{"nor of all true is false", "nor: [" + isTrue + "," + isTrue2 + "]", false, reasons(methodOK, pathOK)},
		{"operators of one body are joined by or", "and: [" + isTrue + "," + isFalse2 + "], or: [" + isTrue2 + "]", true, reasons(pathOK)},
		{"operators of one body all false", "and: [" + isTrue + "," + isFalse2 + "], nor: [" + isTrue + "]", false, reasons(methodOK, pathNo)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := program(t, "allow: {"+tc.body+"}").Decide(t.Context(), Facts{Request: get()})
			if d.Allow != tc.truth || !slices.Equal(d.AllowReasons, tc.reasons) {
				t.Errorf("allow %s: %v %v, want %v %v", tc.body, d.Allow, d.AllowReasons, tc.truth, tc.reasons)
			}
			if want := map[bool]Outcome{true: Allow, false: Deny}[tc.truth]; d.Outcome != want {
				t.Errorf("allow %s comes out as %v, want %v", tc.body, d.Outcome, want)
			}
			d = program(t, "{allow: {or: [{accept: }]}, deny: {"+tc.body+"}}").Decide(t.Context(), Facts{Request: get()})
			if d.Deny != tc.truth || !slices.Equal(d.DenyReasons, tc.reasons) {
				t.Errorf("deny %s: %v %v, want %v %v", tc.body, d.Deny, d.DenyReasons, tc.truth, tc.reasons)
			}
			if want := map[bool]Outcome{true: Deny, false: Allow}[tc.truth]; d.Outcome != want {
				t.Errorf("deny %s comes out as %v, want %v", tc.body, d.Outcome, want)
			}
		})
	}
}

func TestNobodySignedIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		ppl  string
		want Decision
	}{
		{"a negation does not let in somebody with no session", "allow: {not: [" + ofEmail + "]}",
			Decision{Outcome: SignIn, AllowReasons: reasons(nobody), DenyReasons: reasons()}},
		{"nor does the other negation", "allow: {nor: [" + ofEmail + "]}",
			Decision{Outcome: SignIn, AllowReasons: reasons(nobody), DenyReasons: reasons()}},
		{"nor the other negation with something else that is false", "allow: {nor: [" + ofEmail + "," + isFalse + "]}",
			Decision{Outcome: SignIn, AllowReasons: reasons(methodNo, nobody), DenyReasons: reasons()}},
		{"nor a negated exclusion", "allow: {not: [{groups: {exclude: x}}, {email: {not: x}}, {claim/a.b: {exclude: x}}]}",
			Decision{Outcome: SignIn, AllowReasons: reasons(nobody), DenyReasons: reasons()}},
		{"nor an exclusion", "allow: {or: [{groups: {exclude: x}}, {email: {not: x}}, {email: {not_in: [x]}}, {claim/a: {exclude: x}}, {claim/a.b: {exclude: x}}]}",
			Decision{Outcome: SignIn, AllowReasons: reasons(nobody), DenyReasons: reasons()}},
		{"a negation that signing in cannot help is a denial", "allow: {not: [" + ofEmail + "," + isTrue + "]}",
			Decision{Outcome: Deny, AllowReasons: reasons(methodOK), DenyReasons: reasons()}},
		{"what is public stays public beside a negation", "allow: {or: [{accept: }], not: [" + ofEmail + "]}",
			Decision{Outcome: Allow, Allow: true, AllowReasons: reasons("accept"), DenyReasons: reasons()}},
		{"a negation without persons needs nobody", "allow: {not: [" + isFalse + "]}",
			Decision{Outcome: Allow, Allow: true, AllowReasons: reasons(methodNo), DenyReasons: reasons()}},
		{"a deny that asks who it is sends a public route to sign in", "{allow: {or: [{accept: }]}, deny: {or: [" + ofOther + "]}}",
			Decision{Outcome: SignIn, Allow: true, AllowReasons: reasons("accept"), DenyReasons: reasons(nobody)}},
		{"so does a negated one", "{allow: {or: [{accept: }]}, deny: {not: [" + ofOther + "]}}",
			Decision{Outcome: SignIn, Allow: true, Deny: true, AllowReasons: reasons("accept"), DenyReasons: reasons(nobody)}},
		{"a deny that is true without knowing who is a denial", "{allow: {or: [{accept: }]}, deny: {or: [" + ofOther + "," + isTrue + "]}}",
			Decision{Outcome: Deny, Allow: true, Deny: true, AllowReasons: reasons("accept"), DenyReasons: reasons(methodOK)}},
		{"no rule, nobody", "[]", Decision{Outcome: Deny, AllowReasons: reasons(), DenyReasons: reasons()}},
		{"a deny alone allows nobody", "deny: {or: [{reject: }]}", Decision{Outcome: Deny, AllowReasons: reasons(), DenyReasons: reasons("reject")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.want.Reusable = true
			got := program(t, tc.ppl).Decide(t.Context(), Facts{Request: get()})
			compare(t, tc.want, got)
		})
	}
}
