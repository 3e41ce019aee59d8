package pages

import "net/http"

// Received is the page of the built-in application: what arrived, and whether
// it is as it should be.
type Received struct {
	Person   Person
	Verdict  Verdict
	Checks   []Check
	Claims   map[string]any // of the assertion, verified or not
	Method   string
	Path     string
	Host     string
	Protocol string
	Peer     string
	// Headers in the order to show; their values must already be free of tokens.
	Identity, Standard, Other []Header
	JSONURL                   string
	RequestID                 string
}

// A Verdict is the sum of the checks.
type Verdict int

// The verdicts.
const (
	Suspect   Verdict = iota // a check failed
	Anonymous                // clean, and nobody vouched for
	Vouched                  // clean, with a verified identity
)

// A Check is one question and its answer.
type Check struct {
	Name   string
	Result CheckResult
	Note   string // what was found, or exactly why it failed
}

// CheckResult is the outcome of a check.
type CheckResult int

// The results. The zero value is a failure: what nobody checked is not fine.
const (
	Failed CheckResult = iota
	Passed
	Skipped
)

// A Header is one line of a request's head.
type Header struct{ Name, Value string }

type receivedView struct {
	Received
	Title, Lead string
	Rows        []Claim
	More        bool
}

// headerBudget bounds the headers of the page, in bytes of HTML.
const headerBudget = 10 << 10

// Received renders v.
func (p *Pages) Received(v Received) Answer {
	view := receivedView{Received: v, Title: say("received.bad"), Lead: say("received.bad.lead")}
	switch v.Verdict {
	case Vouched:
		view.Title, view.Lead = say("received.ok"), say("received.ok.lead")
	case Anonymous:
		view.Title, view.Lead = say("received.public"), say("received.public.lead")
	}
	view.Rows, view.More = claimRows(v.Claims, claimBudget/2)
	budget := headerBudget
	for _, list := range []*[]Header{&view.Identity, &view.Standard, &view.Other} {
		*list = within(&budget, *list, &view.More)
	}
	return p.render(page{
		name: "received", status: http.StatusOK, title: say("received.title"), view: view, app: true, script: true,
		frame: Frame{Person: v.Person, SessionURL: "/.pomerium/", RoutesURL: "/.pomerium/routes", SignOutURL: "/.pomerium/sign_out"},
	})
}

// within returns cleaned headers as far as the budget goes.
func within(budget *int, list []Header, more *bool) []Header {
	out := make([]Header, 0, len(list))
	for _, h := range list {
		h = Header{Name: line(h.Name), Value: clean(h.Value, maxValue)}
		if tokenValue.MatchString(h.Value) {
			h.Value = say("whoami.hidden") // a last net; callers hide tokens themselves
		}
		*budget -= cost(h.Name) + cost(h.Value) + 60
		if *budget < 0 {
			*more = true
			return out
		}
		out = append(out, h)
	}
	return out
}
