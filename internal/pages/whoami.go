package pages

import (
	"net/http"
	"time"
)

// WhoAmI is the page of one's own session. It changes nothing: an application
// shares its origin with this page and could press any button here, so the
// links lead to the sign-in host.
type WhoAmI struct {
	Frame     // Person.zero means that nobody is signed in
	SignInURL string

	SessionID  string
	Provider   string // as a person would name it
	SignedInAt time.Time
	ExpiresAt  time.Time
	IdleUntil  time.Time // zero when there is no idle limit
	Groups     []string
	Claims     map[string]any
	Devices    []DeviceRow
	// WebAuthnURL is where a device is shown or registered, and DevicesURL where
	// they are renamed and deleted; "" leaves the link out.
	WebAuthnURL string
	DevicesURL  string
	RequestsURL string // of one's requests for access; "" leaves the link out
	// ActsAs is whom an administrator acts as until ActsUntil, "" for nobody, and
	// StopURL where they end it.
	ActsAs    string
	ActsUntil time.Time
	StopURL   string
	// Impersonated are the last times that an administrator has acted as this
	// person, the latest first.
	Impersonated []ImpersonatedRow
}

// An ImpersonatedRow is one of them.
type ImpersonatedRow struct {
	By        string // hostile
	At, Until time.Time
}

// Bounds of the groups that the page lists: how many, and their bytes of HTML.
const (
	maxGroups   = 60
	groupBudget = 6 << 10
)

// maxImpersonated bounds what the page tells of administrators, and whenCost is
// what a line with a time takes, in bytes of HTML.
const (
	maxImpersonated = 10
	whenCost        = 400
)

// whoAmIData is what drivers of the page read.
type whoAmIData struct {
	DeviceCredentialIDs []string `json:"deviceCredentialIds"` // all of them
	WebAuthnURL         string   `json:"webAuthnUrl"`
}

// whoAmIView is WhoAmI, bounded and in order.
type whoAmIView struct {
	WhoAmI
	Groups      []string
	MoreGroups  int
	Claims      []Claim
	MoreClaims  bool
	Devices     []DeviceRow
	MoreDevices int
	Data        whoAmIData
}

// WhoAmI renders v, also for somebody who is not signed in.
func (p *Pages) WhoAmI(v WhoAmI) Answer {
	view := whoAmIView{WhoAmI: v}
	for budget := groupBudget; len(view.Groups) < min(len(v.Groups), maxGroups); {
		g := line(v.Groups[len(view.Groups)])
		if budget -= cost(g) + 30; budget < 0 {
			break
		}
		view.Groups = append(view.Groups, g)
	}
	view.MoreGroups = len(v.Groups) - len(view.Groups)
	var spent int
	view.Devices, spent = affordableRows(v.Devices)
	spent += cost(line(v.ActsAs)) + whenCost
	view.Impersonated = v.Impersonated[:min(len(v.Impersonated), maxImpersonated)]
	for _, one := range view.Impersonated {
		spent += cost(line(one.By)) + 2*whenCost
	}
	view.Claims, view.MoreClaims = claimRows(v.Claims, claimBudget-spent)
	view.MoreDevices = len(v.Devices) - len(view.Devices)
	view.Data = whoAmIData{DeviceCredentialIDs: make([]string, len(v.Devices)), WebAuthnURL: href(v.WebAuthnURL)}
	for i, d := range v.Devices {
		view.Data.DeviceCredentialIDs[i] = line(d.ID)
	}
	title := say("whoami.title")
	if v.Person == (Person{}) {
		title = say("whoami.nobody")
	}
	return p.render(page{
		name: "whoami", status: http.StatusOK, title: title, view: view, frame: v.Frame, sheet: &p.device, script: true,
	})
}
