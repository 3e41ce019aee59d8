package pages

import "fmt"

// say returns the words under key, with args filled in. An unknown key is a
// programmer's mistake that a test finds; the key itself is shown.
func say(key string, args ...any) string {
	text, ok := words[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	for i, a := range args {
		if s, ok := a.(string); ok {
			// First strong isolate ... pop: a name in a right-to-left script must
			// not reorder the sentence around it (Unicode Annex 9, section 2.4).
			args[i] = "\u2068" + line(s) + "\u2069"
		}
	}
	return fmt.Sprintf(text, args...)
}

// A phrase is text of our own as an argument of say: it needs no isolating.
type phrase string

// words holds every sentence of the pages but those of errors, which stand in
// problem_words.go.
var words = map[string]string{
	"time.now":    "just now",
	"time.soon":   "in a moment",
	"time.ago":    "%s ago",
	"time.in":     "in %s",
	"one.minute":  "1 minute",
	"one.hour":    "1 hour",
	"one.day":     "1 day",
	"one.second":  "1 second",
	"many.minute": "%d minutes",
	"many.hour":   "%d hours",
	"many.day":    "%d days",
	"many.second": "%d seconds",

	"frame.skip":   "Skip to the content",
	"frame.menu":   "You",
	"frame.footer": "This page comes from Cardea, which stands in front of your applications.",
	"copy":         "Copy",
	"copied":       "Copied",
	"support":      "For whoever helps you",
	"request_id":   "Request ID",
	"session_id":   "Session ID",
	"time":         "Time",
	"address":      "Address",

	"nav.session": "Your session",
	"nav.routes":  "Your applications",
	"nav.signout": "Sign out",

	"whoami.title":         "Your session",
	"whoami.eyebrow":       "Signed in",
	"whoami.nobody":        "You are not signed in",
	"whoami.nobody.lead":   "Cardea does not know you in this browser yet. Sign in to see what it knows.",
	"whoami.signin":        "Sign in",
	"whoami.routes":        "Your applications",
	"whoami.session":       "Session",
	"whoami.since":         "Signed in",
	"whoami.expires":       "Ends",
	"whoami.idle":          "Ends if unused",
	"whoami.provider":      "Identity provider",
	"whoami.user":          "User ID",
	"whoami.groups":        "Groups",
	"whoami.groups.none":   "Your identity provider told us of no groups. Groups would be listed here.",
	"whoami.groups.more":   "and %d more",
	"whoami.claims":        "Claims",
	"whoami.claims.lead":   "What your identity provider says about you. Rules and applications may read it.",
	"whoami.claims.none":   "Your identity provider sent no claims. They would be listed here.",
	"whoami.claims.more":   "Some claims are left out here; /.pomerium/user has all of them.",
	"whoami.claim":         "Claim",
	"whoami.value":         "Value",
	"whoami.hidden":        "not shown",
	"whoami.devices":       "Devices",
	"whoami.devices.none":  "You have not registered a device. Devices you register with a passkey or security key would be listed here, with whether they are approved.",
	"whoami.device":        "Device",
	"whoami.device.state":  "State",
	"whoami.device.seen":   "Registered",
	"whoami.approved":      "Approved",
	"whoami.waiting":       "Waiting for approval",
	"whoami.device.noname": "Unnamed device",

	"routes.title":        "Your applications",
	"routes.lead":         "Everything you may open from here, %s.",
	"routes.lead.nobody":  "Everything you may open from here.",
	"routes.none":         "There is nothing here that you may open yet",
	"routes.none.lead":    "Applications appear on this page as soon as a rule lets you in. Ask the people who look after them for access.",
	"routes.filter":       "Find an application",
	"routes.filter.go":    "Find",
	"routes.filter.none":  "No application matches “%s”.",
	"routes.filter.clear": "Show all",
	"routes.web":          "In the browser",
	"routes.tunnel":       "From the command line",
	"routes.connect":      "Connect with",
	"routes.more":         "and %d more; narrow the list with the search above",

	"signin.title":         "Sign in",
	"signin.error.title":   "Not signed in: ",
	"signin.to":            "to continue to %s",
	"signin.email":         "E-mail",
	"signin.password":      "Password",
	"signin.button":        "Sign in",
	"signin.wrong":         "The e-mail or the password is not right. Check both and try again.",
	"signin.throttled":     "There were too many attempts. Wait %s, then try again.",
	"signin.busy":          "Too many people are signing in at this moment. Try again in a few seconds.",
	"signin.stale":         "This form was open for too long. Sign in once more.",
	"signin.forgot":        "Forgot your password? An administrator can give you a new one.",
	"signedout.title":      "You are signed out",
	"signedout.lead":       "Your session has ended on every address behind Cardea.",
	"signedout.note":       "An application may keep a sign-in of its own. On a computer you share, close the browser too.",
	"signedout.again":      "Sign in again",
	"signout.title":        "Sign out?",
	"signout.lead":         "You will be signed out of everything you opened through Cardea in this browser.",
	"signout.lead.person":  "You are signed in as %s. You will be signed out of everything you opened through Cardea in this browser.",
	"signout.button":       "Sign out",
	"signout.everywhere":   "Sign out on all devices",
	"signout.stay":         "Stay signed in",
	"redirect.title":       "Taking you there",
	"redirect.lead":        "You are signed in. The page you asked for opens in a moment.",
	"redirect.link":        "Open it now",
	"cookies.short":        "Cookies are off",
	"cookies.title":        "Your browser keeps no cookies for this site",
	"cookies.lead":         "Signing in needs one cookie, and the one we set did not come back.",
	"cookies.next":         "Allow cookies for %s in your browser's settings, or leave private browsing, then try again.",
	"cookies.next.nohost":  "Allow cookies for this site in your browser's settings, or leave private browsing, then try again.",
	"cookies.again":        "Try again",
	"error.as":             "You are signed in as %s.",
	"error.wait":           "Try again in %s.",
	"error.clock":          "This server's clock says %s.",
	"error.again":          "Try again",
	"error.home":           "Go to the start page",
	"error.session":        "See your session",
	"error.signin":         "Sign in",
	"error.signin.again":   "Sign in again",
	"error.why":            "Why",
	"error.steps":          "What you can do",
	"error.details":        "What decided",
	"error.policies":       "Policies",
	"error.reasons":        "Reasons",
	"error.switch":         "Use another account",
	"error.routes":         "See your applications",
	"received.title":       "What an application receives",
	"received.ok":          "Your request arrived clean and vouched for",
	"received.public":      "Your request arrived clean, without a name",
	"received.bad":         "Something is wrong with this request",
	"received.ok.lead":     "This is the built-in application. It shows what any application behind Cardea receives: who you are, signed, and nothing that opens your session.",
	"received.public.lead": "This is the built-in application. No identity came with this request: the route is public, or it does not pass identity on.",
	"received.bad.lead":    "This is the built-in application. At least one of the checks below failed, so an application here should not trust what it reads.",
	"received.checks":      "Checks",
	"received.check":       "Check",
	"received.result":      "Result",
	"received.pass":        "Passed",
	"received.fail":        "Failed",
	"received.skip":        "Not applicable",
	"received.claims":      "Verified identity",
	"received.claims.bad":  "Claimed identity, not verified",
	"received.request":     "Request",
	"received.method":      "Method",
	"received.path":        "Path",
	"received.host":        "Host",
	"received.protocol":    "Protocol",
	"received.peer":        "Connected from",
	"received.identity":    "Identity headers",
	"received.identity.no": "None arrived. They would be listed here when the route passes identity.",
	"received.standard":    "Standard headers",
	"received.other":       "Other headers",
	"received.other.no":    "None arrived.",
	"received.header":      "Header",
	"received.more":        "Some headers are left out here; the JSON form has all of them.",
	"received.json":        "The same as JSON",
}
