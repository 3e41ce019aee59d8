package console

import (
	"fmt"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// say returns the words under key, with args, which may be hostile, filled in.
// An unknown key is a programmer's mistake that a test finds; the key itself is
// shown.
func say(key string, args ...string) string {
	text, ok := words[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	clean := make([]any, len(args))
	for i, a := range args {
		clean[i] = pages.Line(a)
	}
	return fmt.Sprintf(text, clean...)
}

// words holds every sentence of the console.
var words = map[string]string{
	"nav.sessions": "Sessions",
	"nav.users":    "People",
	"nav.groups":   "Groups",

	"any":            "Any",
	"cancel":         "Cancel",
	"to.start":       "Go to the start of the console",
	"pair.person":    "Signed in as",
	"pair.request":   "Request ID",
	"unknown":        "not known",
	"sessions.from":  "From",
	"sessions.agent": "Browser",

	"guest.name":  "No access",
	"guest.title": "You have no role in this console",
	"guest.lead":  "You are signed in as %s, and this address is not among those that may use the console.",
	"guest.next":  "If it should be, give this address to an administrator. If you have another one, sign out and come back with it.",

	"forbidden.name":   "Not allowed",
	"forbidden.title":  "Your role does not reach that far",
	"forbidden.lead":   "Your role does not allow this.",
	"forbidden.role":   "Your role here is %s, and this needs a higher one.",
	"forbidden.next":   "Nothing was changed. An administrator can do it, or give you the role.",
	"foreign.name":     "Not accepted",
	"foreign.title":    "This form is not from your session",
	"foreign.lead":     "It was sent from another site, or from a page that you opened before you signed in again.",
	"foreign.next":     "Nothing was changed. Open the page again and repeat what you wanted to do.",
	"missing.name":     "Not found",
	"missing.title":    "There is nothing here",
	"missing.lead":     "The page does not exist, or what it was about is gone: a session may have ended meanwhile.",
	"missing.next":     "Go back to the list and look again.",
	"conflict.name":    "Not possible",
	"conflict.title":   "That cannot be done as things are",
	"conflict.lead":    "Something stands against it.",
	"conflict.because": "The reason: %s.",
	"conflict.next":    "Go back, look at how things are now, and decide again.",
	"invalid.name":     "Not understood",
	"invalid.title":    "Part of this request cannot be read",
	"invalid.lead":     "Part of the address is wrong.",
	"invalid.because":  "What is wrong is %s; it should be %s.",
	"invalid.next":     "Go back to the list and try from there.",
	"away.name":        "Not now",
	"away.title":       "This cannot be answered at the moment",
	"away.lead":        "The records or the audit cannot be reached. Nothing was changed.",
	"away.next":        "Wait a moment and try again. If it stays so, look at the log of this instance.",
	"broken.name":      "Internal error",
	"broken.title":     "Something went wrong on our side",
	"broken.lead":      "The request was stopped by a fault of ours.",
	"broken.next":      "Look for the request ID below in the log of this instance.",

	"done.revoked":        "The session has been ended.",
	"done.revoked-person": "All sessions of this person have been ended.",
	"done.revoked-all":    "All sessions have been ended.",

	"done.disabled": "The person has been shut out, and their sessions have been ended.",
	"done.enabled":  "The person may come in again.",

	"users.title":            "People",
	"users.lead":             "Everybody who has signed in, as their identity provider and directories tell.",
	"users.lead.group":       "Members of the group %s.",
	"users.search":           "Find a name, an address or a group",
	"users.empty":            "Nobody matches. Whoever signs in appears here.",
	"users.one":              "1 person",
	"users.many":             "%d people",
	"users.caption":          "People with state, groups, sessions and devices",
	"users.back":             "All people",
	"users.person":           "Person",
	"users.state":            "State",
	"users.enabled":          "May come in",
	"users.disabled":         "Shut out",
	"users.groups":           "Groups",
	"users.more":             "%s and %d more",
	"users.groups.empty":     "No group is known of this person.",
	"users.groups.more":      "And %d more.",
	"users.sessions":         "Sessions",
	"users.sessions.empty":   "This person is signed in nowhere.",
	"users.sessions.all":     "All sessions of this person",
	"users.sessions.revoke":  "End all sessions",
	"users.devices":          "Devices",
	"users.devices.empty":    "This person has enrolled no device.",
	"users.device.name":      "Name",
	"users.device.state":     "State",
	"users.device.type":      "Type",
	"users.device.enrolled":  "Enrolled",
	"users.device.used":      "Last used",
	"users.device.waiting":   "Waits for approval",
	"users.device.approved":  "Approved",
	"users.id":               "Id at the provider",
	"users.provider":         "Provider",
	"users.key":              "Key",
	"users.disable":          "Shut out",
	"users.enable":           "Let in again",
	"users.ask.disable":      "Shut this person out?",
	"users.ask.disable.lead": "%s is signed out everywhere and cannot sign in until somebody lets them in again.",
	"users.ask.enable":       "Let this person in again?",
	"users.ask.enable.lead":  "%s may sign in again. What they may open is for the policies to say, as before.",

	"groups.title":   "Groups",
	"groups.lead":    "Every group that somebody here is a member of.",
	"groups.search":  "Find a group",
	"groups.empty":   "No group matches. Groups come from identity providers and directories.",
	"groups.one":     "1 group",
	"groups.many":    "%d groups",
	"groups.caption": "Groups with the number of their members",
	"groups.name":    "Group",
	"groups.members": "Members",

	"sessions.title":           "Sessions",
	"sessions.lead":            "Who is signed in. A session that you end opens nothing from the next request on.",
	"sessions.search":          "Find a person or a session",
	"sessions.empty":           "No session matches. Everybody who signs in appears here.",
	"sessions.one":             "1 session",
	"sessions.many":            "%d sessions",
	"sessions.caption":         "Sessions with person, state, provider and times",
	"sessions.person":          "Person",
	"sessions.state":           "State",
	"sessions.provider":        "Provider",
	"sessions.issued":          "Signed in",
	"sessions.used":            "Last used",
	"sessions.expires":         "Ends",
	"sessions.id":              "Session",
	"sessions.active":          "Active",
	"sessions.disabled":        "Shut out",
	"sessions.orphaned":        "Person removed",
	"sessions.revoke":          "End",
	"sessions.revoke.all":      "End all sessions",
	"sessions.never":           "not yet",
	"sessions.ask":             "End this session?",
	"sessions.ask.lead":        "%s has to sign in again in that browser. Other sessions of this person go on.",
	"sessions.ask.own":         "This is your own session: you will have to sign in again.",
	"sessions.ask.person":      "End all sessions of this person?",
	"sessions.ask.person.lead": "%s has to sign in again in every browser.",
	"sessions.ask.all":         "End all sessions?",
	"sessions.ask.all.lead":    "Everybody has to sign in again, you too: %s at the moment.",
	"sessions.ask.all.sure":    "I want to sign out everybody",
	"sessions.ask.button":      "End session",
	"sessions.ask.button.all":  "End all sessions",
}
