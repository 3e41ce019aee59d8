package pages

import "net/http"

// SignOutConfirm asks before signing out: a link alone must not, or any site
// could do it to a person.
type SignOutConfirm struct {
	Frame
	Action      string // path that the form is posted to
	Hidden      []Field
	StayURL     string   // where "stay signed in" leads; "" leaves it out
	Everywhere  string   // path that ends the person's sessions in all browsers; "" leaves it out
	FormOrigins []string // see SignIn
}

// SignOutConfirm renders the question.
func (p *Pages) SignOutConfirm(v SignOutConfirm) Answer {
	return p.render(page{
		name: "signout", status: http.StatusOK, title: say("signout.title"), view: v, app: true,
		policy: policy{forms: true, formOrigins: v.FormOrigins},
	})
}

// SignedOut is where a sign-out ends.
type SignedOut struct {
	SignInURL string // "" leaves the button out
}

// SignedOut renders the page.
func (p *Pages) SignedOut(v SignedOut) Answer {
	return p.render(page{name: "signedout", status: http.StatusOK, title: say("signedout.title"), view: v})
}
