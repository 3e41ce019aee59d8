package databroker

import "time"

// MaxImpersonation is for how long at most a session acts as another person.
const MaxImpersonation = time.Hour

// An Impersonation points a session at one of somebody else: whom requests with
// the first count for is the person of the second, for a bounded time. Only an
// administrator's action in the console writes it, and authorize passes it over
// unless the configuration in force allows it.
type Impersonation struct {
	SessionID string    `json:"session_id"` // of the person
	UserKey   string    `json:"user_key"`   // of the person
	Until     time.Time `json:"until"`      // it holds before then
	By        string    `json:"by"`         // key of who acts: the owner of the session that holds this
}

// Lasting reports whether i is there and neither over at now nor further from
// its end than anything may set it. leeway is how far clocks may differ.
func (i *Impersonation) Lasting(now time.Time, leeway time.Duration) bool {
	return i != nil && now.Before(i.Until) && i.Until.Sub(now) <= MaxImpersonation+leeway
}

// An Impersonated says that an administrator has acted as a person.
type Impersonated struct {
	By    string    `json:"by"` // who, for people to read
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// maxImpersonated bounds what is remembered on one User.
const maxImpersonated = 10

// NoteImpersonated adds one to what is remembered; the oldest go.
func (u *User) NoteImpersonated(one Impersonated) {
	u.Impersonated = append(u.Impersonated[:len(u.Impersonated):len(u.Impersonated)], one)
	if extra := len(u.Impersonated) - maxImpersonated; extra > 0 {
		u.Impersonated = u.Impersonated[extra:]
	}
}
