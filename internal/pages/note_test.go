package pages

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// explained is a denial with everything that an administrator can say.
func explained() Problem {
	return Problem{
		Kind: Denied, RequestID: sampleID, Host: "payroll.analytical.example", Person: ada.Email,
		Reasons: []string{"groups-unauthorized", "source-ip-unauthorized"},
		Notes:   []Note{{"rule-one", "Only *payroll*.", "Use the [form](https://a.example/f)."}, {"rule-two", "Only *payroll*.", "- Wait.\n- Ask."}},
	}
}

// ofRules are the words of explained that a stranger must not see.
var ofRules = []string{"group", "network", "payroll<", "Only", "a.example", "Wait.", "rule-one", "rule-two", "unauthorized", "source-ip", "What decided", "Policies"}

func TestAStrangerLearnsNoRuleAndNoName(t *testing.T) {
	t.Parallel()
	p := newPages()
	for kind := range problems {
		for format, r := range asked {
			e := explained()
			e.Kind, e.Person, e.Details = kind, "", true
			bare := e
			bare.Reasons, bare.Notes, bare.Details = nil, nil, false
			got, want := p.Error(r, e), p.Error(r, bare)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q as %v (-without rules +with):\n%s", kind, format, diff)
			}
		}
	}
	body := string(p.Error(asked[HTML], Problem{Kind: Denied}).Body)
	for _, word := range ofRules {
		if strings.Contains(body[strings.Index(body, "<main"):], word) {
			t.Errorf("the page of a stranger holds %q, so that this test cannot fail", word)
		}
	}
}

func TestNotesOnThePage(t *testing.T) {
	t.Parallel()
	a := newPages().Error(asked[HTML], explained())
	checkPage(t, a)
	body := string(a.Body)
	at := 0
	for _, want := range []string{
		"You are not in a group that may open this. This is not open from the network you are on. You are signed in as",
		`<h2 id="why">Why</h2>`, `<div class="prose" dir="auto"><p>Only <em>payroll</em>.</p>`,
		`<h2 id="steps">What you can do</h2>`, `>form</a>.</p>`, "<ul><li>Wait.</li>", "If you should have access", "See your session", sampleID,
	} {
		i := strings.Index(body[at:], want)
		if i < 0 {
			t.Fatalf("the page lacks %q, or has it too early:\n%s", want, body[strings.Index(body, "<main"):])
		}
		at += i
	}
	if strings.Count(body, "<em>payroll</em>") != 1 {
		t.Error("the same words stand twice")
	}
	for _, bad := range []string{"rule-one", "rule-two", "-unauthorized", "<details", "What decided"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page says %q", bad)
		}
	}
	only := explained()
	only.Notes = []Note{{Policy: "x", Explanation: "<!-- nothing to see -->", Remediation: " \n"}}
	if body := string(newPages().Error(asked[HTML], only).Body); strings.Contains(body, "<h2 id=") {
		t.Error("headings over nothing")
	}
	only.Notes = []Note{{Explanation: "Because."}}
	if body := string(newPages().Error(asked[HTML], only).Body); !strings.Contains(body, `What you can do</h2>`+"\n"+`<p class="next">`) {
		t.Error("the next step stands under the wrong heading")
	}
}

func TestDetailsAreForSpecialists(t *testing.T) {
	t.Parallel()
	e := explained()
	e.Details = true
	e.Notes = append(e.Notes, Note{Policy: "rule-one"}, Note{Policy: `<b>"`})
	a := newPages().Error(asked[HTML], e)
	checkPage(t, a)
	for _, want := range []string{
		"<summary>What decided</summary>", "<li><bdi>rule-one</bdi></li><li><bdi>rule-two</bdi></li><li><bdi>&lt;b&gt;&#34;</bdi></li></ul>",
		"<li><code>groups-unauthorized</code></li><li><code>source-ip-unauthorized</code></li></ul>",
	} {
		if !strings.Contains(string(a.Body), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	got := string(newPages().Error(asked[Plain], e).Body)
	for _, want := range []string{"\nPolicies: rule-one, rule-two, <b>\"\n", "\nReasons: groups-unauthorized, source-ip-unauthorized\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the text lacks %q: %s", want, got)
		}
	}
}

func TestNotesInJSON(t *testing.T) {
	t.Parallel()
	for _, details := range []bool{false, true} {
		e := explained()
		e.Details = details
		var got problemObject
		if err := json.Unmarshal(newPages().Error(asked[JSON], e).Body, &got); err != nil {
			t.Fatal(err)
		}
		want := problemObject{
			Type: "about:blank", Title: "You do not have access here", Status: 403, Kind: Denied, Error: "Access denied", RequestID: sampleID,
			Detail: "You are not in a group that may open this. This is not open from the network you are on.",
			Next: "If you have another account, use that one. Come back from another network, such as your organisation's. " +
				"If you should have access, ask the people who look after this application, and give them the request ID below.",
			Explanation: "Only payroll.", Remediation: "Use the form (https://a.example/f).\n\n- Wait.\n- Ask.",
		}
		if details {
			want.Policies, want.Reasons = []string{"rule-one", "rule-two"}, e.Reasons
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("details %v: problem (-want +got):\n%s", details, diff)
		}
	}
}

func TestNotesAsText(t *testing.T) {
	t.Parallel()
	e := explained()
	e.Notes = e.Notes[:1]
	got := string(newPages().Error(asked[Plain], e).Body)
	want := "403 You do not have access here\n" +
		"You are not in a group that may open this. This is not open from the network you are on.\n" +
		"\nWhy\nOnly payroll.\n\n\nWhat you can do\nUse the form (https://a.example/f).\n\n"
	if !strings.HasPrefix(got, want+"If you have another account") || !strings.HasSuffix(got, "\nRequest ID: "+sampleID+"\n") {
		t.Errorf("text = %s", got)
	}
	before := newPages().Error(asked[GRPC], Problem{Kind: Denied, RequestID: sampleID})
	if diff := cmp.Diff(before, newPages().Error(asked[GRPC], e)); diff != "" {
		t.Errorf("gRPC (-without rules +with):\n%s", diff)
	}
}

func TestHostileNotes(t *testing.T) {
	t.Parallel()
	p := newPages()
	const kind = "data:image/png;base64,"
	logo := New(Options{Branding: Branding{LogoURL: kind + strings.Repeat("A", maxImage-len(kind))}})
	for i, s := range adversarial {
		t.Run(fmt.Sprintf("text %d", i), func(t *testing.T) {
			t.Parallel()
			e := Problem{Kind: Denied, Person: s, RequestID: s, Host: s, Detail: s, Details: true, Reasons: slices.Repeat([]string{s}, 50)}
			e.Notes = slices.Repeat([]Note{{s, s, s}, {s + "2", s + "2", s + "2"}}, 50)
			e.Reasons = append(e.Reasons, failing...)
			checkPage(t, p.Error(asked[HTML], e))
			checkPage(t, logo.Error(asked[HTML], e))
			for _, f := range []Format{JSON, Plain, Kubernetes} {
				body := string(p.Error(asked[f], e).Body)
				if len(body) > maxPage {
					t.Errorf("%d bytes as %v", len(body), f)
				}
				if strings.ContainsFunc(body, func(r rune) bool { return r != '\n' && deceives(r) }) {
					t.Errorf("as %v it deceives: %.300q", f, body)
				}
			}
		})
	}
}

func TestALongExplanationLeavesRoomForTheRemedy(t *testing.T) {
	t.Parallel()
	e := explained()
	e.Notes = []Note{{Explanation: strings.Repeat("why ", 2000)}, {Explanation: "too much", Remediation: strings.Repeat("do & ", 1300)}}
	p := newPages()
	checkPage(t, p.Error(asked[HTML], e))
	for _, f := range []Format{HTML, JSON, Plain} {
		body := string(p.Error(asked[f], e).Body)
		if n := strings.Count(body, "why"); n < 1500 {
			t.Errorf("as %v: why %d times", f, n)
		}
		if n := strings.Count(body, "do"); n < 200 {
			t.Errorf("as %v: do %d times", f, n)
		}
		if strings.Contains(body, "too much") || !strings.Contains(body, "…") {
			t.Errorf("as %v: nothing says that it was cut", f)
		}
	}
}

func TestCheckNote(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		note Note
		want string
	}{
		{sampleNote, ""},
		{Note{Policy: "a", Remediation: strings.Repeat("x", maxMarkdown)}, ""},
		{Note{Policy: "a", Remediation: strings.Repeat("x", maxMarkdown+1)}, `remediation of policy "a": 8193 bytes, want at most 8192`},
		{Note{Policy: "a", Explanation: "\xff"}, `explanation of policy "a": want UTF-8`},
	} {
		if got := fmt.Sprint(tc.note.Check()); got != tc.want && (tc.want != "" || got != "<nil>") {
			t.Errorf("Check = %s, want %q", got, tc.want)
		}
	}
}
