package pages

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// The words that policies use for what a person did not meet, and all others.
// A new criterion has to be put into one of them.
var (
	failing = []string{
		"claim-unauthorized", "client-certificate-unauthorized", "client-certificate-required", "invalid-client-certificate",
		"date-unauthorized", "day-of-week-unauthorized", "device-unauthorized", "device-unauthenticated", "domain-unauthorized",
		"email-unauthorized", "grant-unauthorized", "groups-unauthorized", "http-header-unauthorized", "http-method-unauthorized",
		"http-path-unauthorized", "http-query-unauthorized", "mcp-tool-no-match", "mcp-not-a-tool-call", "record-unauthorized",
		"signed-in-within-unauthorized", "source-ip-unauthorized", "ssh-publickey-unauthorized", "ssh-username-unauthorized",
		"time-of-day-unauthorized", "user-unauthorized",
	}
	allowing = []string{
		"accept", "reject", "claim-ok", "client-certificate-ok", "cors-request", "date-ok", "day-of-week-ok", "device-ok", "domain-ok",
		"email-ok", "grant-ok", "groups-ok", "http-header-ok", "http-method-ok", "http-path-ok", "http-query-ok", "mcp-tool-match",
		"non-cors-request", "non-pomerium-route", "pomerium-route", "record-ok", "route-not-found", "signed-in-within-ok", "source-ip-ok",
		"ssh-publickey-ok", "ssh-username-ok", "time-of-day-ok", "user-ok", "user-unauthenticated", "valid-client-certificate",
		"", "nonsense-unauthorized", "groups-unauthorized ", "-unauthorized",
	}
)

func TestEveryReasonHasItsSentence(t *testing.T) {
	t.Parallel()
	p := newPages()
	for _, reason := range failing {
		kinds := kindsOf([]string{reason})
		if len(kinds) != 1 {
			t.Errorf("%d sentences for %q, want 1", len(kinds), reason)
			continue
		}
		for _, format := range []Format{HTML, JSON, Plain, Kubernetes} {
			e := Problem{Kind: Denied, Person: ada.Email, RequestID: sampleID, Reasons: []string{"accept", reason, "groups-ok"}}
			body := html.UnescapeString(string(p.Error(asked[format], e).Body))
			if !strings.Contains(body, kinds[0].why) || !strings.Contains(body, kinds[0].step) {
				t.Errorf("%q as %v does not say %q: %s", reason, format, kinds[0].why, body)
			}
			if strings.Contains(body, problems[Denied].why) {
				t.Errorf("%q as %v says the general sentence too", reason, format)
			}
			if bad := inner.FindString(body); bad != "" || strings.Contains(body, reason) {
				t.Errorf("%q as %v says %q or the word itself: %s", reason, format, bad, body)
			}
		}
	}
	for _, k := range reasonKinds {
		for _, r := range k.reasons {
			if !slices.Contains(failing, r) {
				t.Errorf("%q has a sentence and is not in the vocabulary", r)
			}
		}
		if !k.ask && k.step == "" {
			t.Errorf("%v leaves a person without a next step", k.reasons)
		}
		if s := k.why + k.step; strings.ContainsAny(s, "!%") || !strings.HasSuffix(k.why, ".") {
			t.Errorf("%v: %q", k.reasons, s)
		}
	}
}

func TestWhatAllowedTellsNothing(t *testing.T) {
	t.Parallel()
	p := newPages()
	for format, r := range asked {
		want := p.Error(r, Problem{Kind: Denied, Person: ada.Email, RequestID: sampleID})
		got := p.Error(r, Problem{Kind: Denied, Person: ada.Email, RequestID: sampleID, Reasons: allowing})
		if diff := cmp.Diff(string(want.Body), string(got.Body)); diff != "" {
			t.Errorf("as %v (-without reasons +with):\n%s", format, diff)
		}
	}
}

func TestReasonsMakeOneParagraph(t *testing.T) {
	t.Parallel()
	const (
		group   = "You are not in a group that may open this."
		account = "Your account is not on the list of those who may open this."
		network = "This is not open from the network you are on."
		late    = "This is not open at this time."
	)
	for _, tc := range []struct {
		name      string
		problem   Problem
		why, next string
	}{
		{"none", Problem{Kind: Denied}, problems[Denied].why, problems[Denied].next},
		{"one", Problem{Kind: Denied, Reasons: []string{"groups-unauthorized"}}, group, stepSwitch + " " + problems[Denied].next},
		{
			"several of one kind, once", Problem{Kind: Denied, Reasons: []string{"email-unauthorized", "user-unauthorized", "claim-unauthorized"}},
			account, stepSwitch + " " + problems[Denied].next,
		},
		{
			"in our order, and a step once", Problem{Kind: Denied, Reasons: []string{"email-unauthorized", "groups-unauthorized"}},
			group + " " + account, stepSwitch + " " + problems[Denied].next,
		},
		{
			"at most three", Problem{Kind: Denied, Reasons: []string{"time-of-day-unauthorized", "http-path-unauthorized", "source-ip-unauthorized", "groups-unauthorized"}},
			group + " " + network + " " + late, stepSwitch + " Come back from another network, such as your organisation's. Come back at another time. " + problems[Denied].next,
		},
		{
			"nobody to ask", Problem{Kind: Denied, Reasons: []string{"signed-in-within-unauthorized"}},
			"You signed in too long ago for this.", "Sign in again, then open this page once more.",
		},
		{
			"another kind keeps its step", Problem{Kind: CertificateNeeded, Reasons: []string{"client-certificate-required"}},
			"This needs a client certificate, and your browser offered none.", problems[CertificateNeeded].next,
		},
		{"a caller knows better", Problem{Kind: Denied, Next: "Knock.", Reasons: []string{"groups-unauthorized"}}, group, "Knock."},
	} {
		w := tc.problem.words()
		if w.why != tc.why || w.advice() != tc.next {
			t.Errorf("%s: %q\n%q, want\n%q\n%q", tc.name, w.why, w.advice(), tc.why, tc.next)
		}
	}
}

// The words of the operator take the place of ours about whom to ask, and
// nothing of what the reasons advise.
func TestTheOperatorsWordsComeAfterTheStep(t *testing.T) {
	t.Parallel()
	p := New(Options{Branding: Branding{ErrorText: "Write to help@analytical.example."}})
	for reason, want := range map[string]string{
		"groups-unauthorized":    stepSwitch + " Write to help@analytical.example.</p>",
		"source-ip-unauthorized": "organisation&#39;s. Write to help@analytical.example.</p>",
	} {
		body := string(p.Error(asked[HTML], Problem{Kind: Denied, Person: ada.Email, Reasons: []string{reason}}).Body)
		if !strings.Contains(body, want) || strings.Contains(body, "If you should have access") {
			t.Errorf("%q: the page lacks %q or asks twice", reason, want)
		}
	}
}

func TestKubernetesHearsTheFirstSentence(t *testing.T) {
	t.Parallel()
	body := string(newPages().Error(asked[Kubernetes], Problem{
		Kind: Denied, Person: ada.Email, Reasons: []string{"source-ip-unauthorized", "groups-unauthorized"},
	}).Body)
	if !strings.Contains(body, `"message":"You do not have access here: You are not in a group that may open this. If you have`) || strings.Contains(body, "not open from") {
		t.Errorf("status = %s", body)
	}
}
