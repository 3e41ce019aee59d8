package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of an entry. What comes from people is cut to them when it is
// appended: a long name must not keep its bearer from being dealt with.
const (
	MaxText    = 1024 // bytes of a text
	MaxDetails = 16
	MaxName    = 64 // bytes of the name of a detail
)

// A Hash is SHA-256 of the canonical encoding of an entry. The zero Hash is
// what the first entry follows.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return errors.New("a hash has 64 hexadecimal digits")
	}
	copy(h[:], raw)
	return nil
}

// A Result is what became of a change.
type Result string

// The results. Every change has an entry that says begun, written before
// anything is changed, and one that says how it ended. A begun change without
// an end is one whose end nobody saw: it may have been made.
const (
	Begun   Result = "begun"
	Done    Result = "done"
	Failed  Result = "failed"
	Refused Result = "refused" // nothing was begun: the role does not reach
)

func (r Result) known() bool { return r == Begun || r == Done || r == Failed || r == Refused }

// The ways by which somebody acts.
const (
	ViaWeb    = "web"    // a page of the console
	ViaGRPC   = "grpc"   // gRPC
	ViaSocket = "socket" // the administrator's socket
	ViaStore  = "store"  // a command, at the store of an installation that does not run
)

// An Actor is who acts. Any part may be "" where it is not known, but Via.
type Actor struct {
	Name      string `json:"name"`
	Email     string `json:"email"`
	UserKey   string `json:"user_key"` // of the databroker's User record
	SessionID string `json:"session_id"`
	Role      string `json:"role"`
	Via       string `json:"via"`
	Address   string `json:"address"` // of the client
}

// An Entry is one thing that somebody did or tried. Its names in JSON are a
// promise to whoever reads exports.
type Entry struct {
	Sequence uint64    `json:"sequence"` // from 1, without gaps
	Previous Hash      `json:"previous"` // of the entry before
	Time     time.Time `json:"time"`     // UTC, to the millisecond, by the writer's clock
	Change   string    `json:"change"`   // the same in all entries of one change
	Actor    Actor     `json:"actor"`
	Action   Action    `json:"action"`

	ObjectType string `json:"object_type"` // what is acted on, such as "session"
	ObjectID   string `json:"object_id"`
	Subject    string `json:"subject"` // key of the person whom it is about; "" is nobody

	Result    Result            `json:"result"`
	RequestID string            `json:"request_id"`
	Details   map[string]string `json:"details,omitempty"`

	Hash Hash `json:"hash"` // of everything above
}

// texts are the texts of e, in the order of the encoding.
func (e *Entry) texts() []*string {
	a := &e.Actor
	return []*string{
		&e.Change,
		&a.Name, &a.Email, &a.UserKey, &a.SessionID, &a.Role, &a.Via, &a.Address,
		(*string)(&e.Action), &e.ObjectType, &e.ObjectID, &e.Subject,
		(*string)(&e.Result), &e.RequestID,
	}
}

// clip makes a copy of e that keeps the bounds.
func (e Entry) clip() Entry {
	for _, s := range e.texts() {
		*s = cut(*s, MaxText)
	}
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	if len(e.Details) == 0 {
		e.Details = nil
		return e
	}
	kept := make(map[string]string, min(len(e.Details), MaxDetails))
	for i, name := range slices.Sorted(maps.Keys(e.Details)) {
		if i == MaxDetails-1 && len(e.Details) > MaxDetails {
			kept["…"] = fmt.Sprintf("%d more", len(e.Details)-i)
			break
		}
		kept[cut(name, MaxName)] = cut(e.Details[name], MaxText)
	}
	e.Details = kept
	return e
}

// cut leaves out what is not text, and what is beyond limit bytes.
func cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	end := limit - len(mark)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// Years that RFC 3339 can say.
var (
	firstTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// check says what of e breaks a bound. What comes from a writer has been cut;
// what comes from a file may be anything.
func (e *Entry) check() error {
	for _, s := range e.texts() {
		if len(*s) > MaxText || !utf8.ValidString(*s) {
			return errors.New("a text is too long, or no text")
		}
	}
	if len(e.Details) > MaxDetails {
		return fmt.Errorf("%d details, at most %d are allowed", len(e.Details), MaxDetails)
	}
	for name, value := range e.Details {
		if len(name) > MaxName || len(value) > MaxText || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return errors.New("a detail is too long, or no text")
		}
	}
	switch {
	case e.Sequence == 0:
		return errors.New("no sequence number")
	case !e.Result.known():
		return fmt.Errorf("the result %q is none", string(e.Result))
	}
	return checkTime(e.Time)
}

func checkTime(t time.Time) error {
	if t.Before(firstTime) || !t.Before(lastTime) || t.Nanosecond()%1e6 != 0 {
		return errors.New("the time is not one in milliseconds")
	}
	return nil
}
