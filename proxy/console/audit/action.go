package audit

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// An Action is what was done, by a word of the vocabulary: an object, a dot, and
// what happens to it.
type Action string

// The vocabulary of actions. A log appends nothing else; one that was read may
// hold words of another version of the program.
const (
	SessionRevoke      Action = "session.revoke"
	UserSessionsRevoke Action = "user_sessions.revoke"
	AllSessionsRevoke  Action = "all_sessions.revoke"

	UserDisable Action = "user.disable"
	UserEnable  Action = "user.enable"

	ServiceAccountCreate Action = "service_account.create"
	ServiceAccountRevoke Action = "service_account.revoke"
	ServiceAccountDelete Action = "service_account.delete"

	DeviceApprove    Action = "device.approve"
	DeviceDisapprove Action = "device.disapprove"
	DeviceRename     Action = "device.rename"
	DeviceDelete     Action = "device.delete"

	EnrollmentCreate Action = "enrollment.create"
	EnrollmentDelete Action = "enrollment.delete"

	GrantCreate Action = "grant.create"
	GrantRevoke Action = "grant.revoke"

	AccessRequestCreate  Action = "access_request.create"
	AccessRequestApprove Action = "access_request.approve"
	AccessRequestDeny    Action = "access_request.deny"

	ImpersonationStart Action = "impersonation.start"
	ImpersonationStop  Action = "impersonation.stop"

	ConfigurationReplay Action = "configuration.replay"
	KeysRotate          Action = "keys.rotate"
	AuditExport         Action = "audit.export"
	AuditMend           Action = "audit.mend"
)

var vocabulary = map[Action]bool{
	SessionRevoke: true, UserSessionsRevoke: true, AllSessionsRevoke: true,
	UserDisable: true, UserEnable: true,
	ServiceAccountCreate: true, ServiceAccountRevoke: true, ServiceAccountDelete: true,
	DeviceApprove: true, DeviceDisapprove: true, DeviceRename: true, DeviceDelete: true,
	EnrollmentCreate: true, EnrollmentDelete: true,
	GrantCreate: true, GrantRevoke: true,
	AccessRequestCreate: true, AccessRequestApprove: true, AccessRequestDeny: true,
	ImpersonationStart: true, ImpersonationStop: true,
	ConfigurationReplay: true, KeysRotate: true, AuditExport: true, AuditMend: true,
}

// Known reports whether a is in the vocabulary.
func (a Action) Known() bool { return vocabulary[a] }

// Vocabulary lists all actions in order.
func Vocabulary() []Action { return slices.Sorted(maps.Keys(vocabulary)) }

// ActionOf returns the action that a method of the console is, by its name: its
// first word is what happens to the rest, so that RevokeUserSessions is
// user_sessions.revoke. Whether there is such an action, Known says.
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
