package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// fakePolicies answers with the text of a world wherever a configuration could
// say something.
type fakePolicies struct{ w *world }

func (f fakePolicies) ExplainDecision(ctx context.Context, id string) (*consolepb.ExplainDecisionResponse, error) {
	d, err := f.w.made.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	return &consolepb.ExplainDecisionResponse{Decision: d, Remarks: []string{f.w.text}, Explanation: explanation(f.w.text)}, nil
}

func (f fakePolicies) ExplainRequest(_ context.Context, r *consolepb.ExplainRequestRequest) (*consolepb.ExplainRequestResponse, error) {
	if !strings.HasPrefix(r.Url, "https://app.example.com") {
		return nil, &Conflict{"no policy decides about it: " + r.Url}
	}
	return &consolepb.ExplainRequestResponse{
		Route: f.w.text, Person: "asked about " + r.UserKey + r.Email + " in " + strings.Join(r.Groups, ","), Explanation: explanation(f.w.text),
	}, nil
}

// explanation has text everywhere.
func explanation(text string) *consolepb.Explanation {
	rule := func(kind string, children ...*consolepb.Rule) *consolepb.Rule {
		return &consolepb.Rule{
			Kind: kind, Name: text, Text: text, File: text, Line: 3, Enforced: true, Reasons: []string{text}, Decided: true,
			Read: []*consolepb.Fact{{Name: text, Value: text}, {Name: text, Absent: true}}, Error: text, Children: children,
		}
	}
	tree := rule("action", rule("policy", rule("rules", rule("operator", rule("criterion"), rule("shorthand"), rule("rego")))))
	return &consolepb.Explanation{
		Outcome: "deny", At: timestamppb.Now(), Error: text, Disagrees: true, Why: text, Decided: []string{text}, Needs: []string{text},
		Satisfies: []string{text}, NoChange: text, Allow: tree, Deny: tree, Extra: []*consolepb.Fact{{Name: text, Value: text}},
		Shadows: []*consolepb.ShadowRule{{Name: text, Would: text, Error: text, Allow: tree, Deny: tree}},
	}
}

// TestAnExplanationIsWhole: what the enforcing code says is in the message, and
// on the page.
func TestAnExplanationIsWhole(t *testing.T) {
	t.Parallel()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte("allow: {or: [{email: {is: ada@example.com}}, {groups: {has: ops}}]}\n"), &n); err != nil {
		t.Fatal(err)
	}
	doc, err := policy.ParseFile("policy.yaml", &n)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Compile(t.Context(), policy.Source{Documents: []*policy.Document{doc}})
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Explain(t.Context(), policy.Scenario{Person: &policy.PersonData{UserID: "u", Email: "bob@example.com"}, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	got := ExplanationOf(x)
	text := fmt.Sprintf("%+v", verdictOf(got))
	for _, want := range []string{"Denied", "email: {is: ada@example.com}", "groups: {has: ops}", `email = bob@example.com`, x.Why, x.Change.Needs[0], x.Decided[0]} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestTheFormFindsThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.signIn("manager", nil)
	w.signIn("ada", nil)
	w.signIn("twin1", func(u *databroker.User) { u.Email = "twin@example.com" })
	w.shown(w.signIn("twin2", func(u *databroker.User) { u.Email = "twin@example.com" }))
	for _, tc := range []struct{ name, person, key, want string }{
		{"by address", "ADA@example.com", "", "asked about idp/ada in a,b"},
		{"by key", "idp/ada", "", "asked about idp/ada in a,b"},
		{"one of two", "twin@example.com", "idp/twin2", "asked about idp/twin2 in a,b"},
		{"of two", "twin@example.com", "", `<option value="idp/twin2"`},
		{"by part of a name", "twin", "", `<option value="idp/twin1"`},
		{"supposed", "new@example.com", "", "asked about new@example.com in a,b"},
		{"nobody of that name", "zoe", "", say("explain.wrong.person")},
		{"nobody at all", "", "", "want"},
	} {
		q := url.Values{"url": {"https://app.example.com/x"}, "person": {tc.person}, "key": {tc.key}, "groups": {"a, b,"}}
		out := w.get(manager, "/explain?"+q.Encode())
		if tc.name == "nobody at all" {
			tc.want = "a person, since groups"
		}
		if out.Code != http.StatusOK || !strings.Contains(out.Body.String(), tc.want) {
			t.Errorf("%s: status %d, no %q in\n%s", tc.name, out.Code, tc.want, out.Body)
		}
	}
}

func TestTheFormSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manager := w.signIn("manager", nil)
	for name, q := range map[string]url.Values{
		"a device of nobody": {"url": {"https://app.example.com"}, "device": {"any"}},
		"no route":           {"url": {"https://elsewhere.example"}},
		"an address":         {"url": {"https://app.example.com"}, "address": {"1.2.3"}},
		"a time":             {"url": {"https://app.example.com"}, "at": {"noon"}},
		"a device":           {"url": {"https://app.example.com"}, "person": {"a@b"}, "device": {"toaster"}},
	} {
		out := w.get(manager, "/explain?"+q.Encode())
		if body := out.Body.String(); out.Code != http.StatusOK || !strings.Contains(body, `aria-invalid="true"`) || strings.Contains(body, `id="verdict"`) {
			t.Errorf("%s: status %d\n%s", name, out.Code, body)
		}
	}
}

// TestFromADenialToItsExplanation is one click.
func TestFromADenialToItsExplanation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.text = "group ops"
	w.decide(&consolepb.Decision{RequestId: "7f3c", Outcome: "deny", Host: "app.example.com", Path: "/x", Method: "GET", Email: "ada@example.com", Address: "192.0.2.7", ImpersonatedBy: "root@example.com"})
	manager := w.signIn("manager", nil)
	list := w.get(manager, "/decisions?outcome=refused").Body.String()
	if !strings.Contains(list, `href="/explain?request=7f3c"`) || !strings.Contains(list, "root@example.com") {
		t.Fatalf("no link, or not who acted:\n%s", list)
	}
	page := w.get(manager, "/explain?request=7f3c")
	for _, want := range []string{"Denied", "ada@example.com", "192.0.2.7", "root@example.com", "GET app.example.com/x", "group ops"} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("no %q:\n%s", want, page.Body)
		}
	}
	if list := w.get(w.signIn("viewer", nil), "/decisions").Body.String(); strings.Contains(list, "/explain") {
		t.Error("a viewer is offered an explanation")
	}
	if gone := w.get(manager, "/explain?request=nothing"); gone.Code != http.StatusOK || !strings.Contains(gone.Body.String(), say("explain.gone")) {
		t.Errorf("status %d:\n%s", gone.Code, gone.Body)
	}
}
