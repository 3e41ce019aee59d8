package pages

import (
	"net/http"
	"time"
)

// MaxReason bounds the reason of a request for access, in characters.
const MaxReason = 500

// AskAccess is the page on the sign-in host where somebody who was refused asks
// for access. The form is posted to Action: reason, and grant where there are
// several to choose from.
type AskAccess struct {
	Frame
	App    string   // the application, as people call it; hostile
	Grants []string // as policies name them; hostile
	Action string   // signed address of the page
	// Reason and Grant are what was sent and refused.
	Reason, Grant string
	BadReason     bool
	BackURL       string // "" leaves the link out
}

type askAccessView struct {
	AskAccess
	Max     int
	Options []Option
	Only    string // the one grant
}

// AskAccess renders the page: 200, and 400 where the reason was refused.
func (p *Pages) AskAccess(v AskAccess) Answer {
	view, status := askAccessView{AskAccess: v, Max: MaxReason}, http.StatusOK
	if v.BadReason {
		status = http.StatusBadRequest
	}
	for _, name := range v.Grants {
		view.Options = append(view.Options, Option{Value: name, Label: name, Chosen: name == v.Grant})
	}
	if len(v.Grants) == 1 {
		view.Only, view.Options = v.Grants[0], nil
	}
	return p.render(page{
		name: "ask", status: status, title: say("ask.title"), view: view, frame: v.Frame, sheet: &p.device, script: true,
		policy: policy{forms: true},
	})
}

// OfferToAsk leads somebody who was refused to where they can ask for access.
func (e *Problem) OfferToAsk(url string) {
	e.Action, e.Next = Action{Label: say("error.ask"), URL: url}, say("error.ask.next")
}

// AccessRequests is the page of one's requests for access on the sign-in host.
// Forms are posted to Action: action is "withdraw", id says which.
type AccessRequests struct {
	Frame
	Requests []AccessRow
	Action   string // path
	Done     AccessDone
}

// An AccessDone is what has just been done with a request.
type AccessDone string

// What has been done, each the key of its words.
const (
	AccessNothing   AccessDone = ""
	AccessAsked     AccessDone = "requests.done.asked"
	AccessAgain     AccessDone = "requests.done.again" // it waits already
	AccessWithdrawn AccessDone = "requests.done.withdrawn"
)

// An AccessState is what became of a request.
type AccessState string

// The states, each the key of its words.
const (
	AccessStateWaiting   AccessState = "requests.waiting"
	AccessStateGranted   AccessState = "requests.granted"
	AccessStateOver      AccessState = "requests.over" // granted, and the time is over
	AccessStateRefused   AccessState = "requests.refused"
	AccessStateWithdrawn AccessState = "requests.withdrawn"
)

// An AccessRow is one request. Its texts are hostile.
type AccessRow struct {
	ID     string
	App    string
	Grant  string
	Reason string
	State  AccessState
	Asked  time.Time
	Until  time.Time // of a granted one
	Note   string    // of who refused it
	URL    string    // where a granted one is used; "" leaves the link out
}

// Words is the state in words.
func (r AccessRow) Words() string { return say(string(r.State)) }

// Waits reports whether it can be withdrawn.
func (r AccessRow) Waits() bool { return r.State == AccessStateWaiting }

// Tone is the state's colour.
func (r AccessRow) Tone() Tone {
	switch r.State {
	case AccessStateGranted:
		return ToneAllow
	case AccessStateRefused:
		return ToneDeny
	case AccessStateWaiting:
		return ToneWait
	}
	return TonePlain
}

type accessRequestsView struct {
	AccessRequests
	Notice string
}

// accessBudget bounds the rows of the page, in bytes of HTML, and accessCost is
// what one has besides its texts.
const (
	accessBudget = 16 << 10
	accessCost   = 900
)

// AccessRequests renders the page; of many requests the first.
func (p *Pages) AccessRequests(v AccessRequests) Answer {
	left := accessBudget
	for i, r := range v.Requests {
		left -= accessCost + cost(line(r.App)) + cost(line(r.Grant)) + cost(clean(r.Reason, maxValue)) + cost(clean(r.Note, maxValue))
		if left < 0 {
			v.Requests = v.Requests[:i]
			break
		}
	}
	view := accessRequestsView{AccessRequests: v}
	if v.Done != AccessNothing {
		view.Notice = say(string(v.Done))
	}
	return p.render(page{
		name: "requests", status: http.StatusOK, title: say("requests.title"), view: view, frame: v.Frame, sheet: &p.device, script: true,
		policy: policy{forms: true},
	})
}
