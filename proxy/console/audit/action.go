package audit

import (
	"regexp"
	"strings"
	"unicode"
)

// An Action is what was done: what it is done to, a dot, and the verb, such as
// device.approve. The vocabulary is that of the console, whose methods ActionOf
// turns into actions, with what stands below.
type Action string

// AuditMend is the action of Mend.
const AuditMend Action = "audit.mend"

// maxAction bounds an action, in bytes.
const maxAction = 64

var actionForm = regexp.MustCompile(`^[a-z]+(_[a-z]+)*\.[a-z]+$`)

// Valid reports whether a has the form of an action. A log appends nothing else.
func (a Action) Valid() bool { return len(a) <= maxAction && actionForm.MatchString(string(a)) }

// ActionOf returns the action that a method of the console is, by its name: its
// first word is the verb, so that RevokeUserSessions is user_sessions.revoke. It
// is "", which is not valid, for what has no two words.
func ActionOf(method string) Action {
	var words []string
	for _, r := range method {
		if unicode.IsUpper(r) || len(words) == 0 {
			words = append(words, "")
		}
		words[len(words)-1] += string(unicode.ToLower(r))
	}
	if len(words) < 2 {
		return ""
	}
	return Action(strings.Join(words[1:], "_") + "." + words[0])
}
