package journal

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// A lineAgain is an entry that differs from another of its block in the id of
// the request and the time alone. Nothing is lost by it: whoever reads gets two
// entries.
type lineAgain struct {
	At        int       `json:"at"` // the place of the other among the lines of the block
	RequestID text      `json:"request_id"`
	Time      time.Time `json:"time"`
}

// A likeness is what entries that are alike agree in, as far as a map can tell;
// alike settles it.
type likeness struct {
	person                                             *Person
	routeID, outcome, method, host, rawPath, query, ip string
}

// A written is an entry that stands in the block in full.
type written struct {
	entry *Entry
	at    int
}

func likenessOf(e *Entry) likeness {
	return likeness{e.Person, e.RouteID, e.Outcome, e.Method, e.Host, e.RawPath, e.RawQuery, e.IP}
}

// alike reports whether e and o, of one likeness, differ in RequestID and Time
// alone. A field that is added to Entry belongs here.
func (e *Entry) alike(o *Entry) bool {
	return e.Generation == o.Generation && e.From == o.From && e.PolicyDigest == o.PolicyDigest &&
		e.Path == o.Path && e.QueryHidden == o.QueryHidden &&
		e.ImpersonatedBy == o.ImpersonatedBy && e.Allow == o.Allow && e.Deny == o.Deny && e.Err == o.Err &&
		slices.Equal(e.Headers, o.Headers) && sameTexts(e.HeaderNames, o.HeaderNames) &&
		sameTexts(e.AllowReasons, o.AllowReasons) && sameTexts(e.DenyReasons, o.DenyReasons) &&
		e.Cert.same(o.Cert) && slices.EqualFunc(e.Records, o.Records, Record.same)
}

// sameTexts is slices.Equal, at once for two that are one, as nearly all are.
func sameTexts(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

func (c *Certificate) same(o *Certificate) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.Presented == o.Presented && c.Valid == o.Valid && bytes.Equal(c.LeafDER, o.LeafDER) &&
		slices.EqualFunc(c.IntermediatesDER, o.IntermediatesDER, bytes.Equal)
}

func (r Record) same(o Record) bool {
	return r.Type == o.Type && r.Key == o.Key && r.Value == o.Value && r.Later == o.Later &&
		(r.Data == nil) == (o.Data == nil) && bytes.Equal(r.Data, o.Data)
}

// appendAgain appends the JSON of a lineAgain.
func appendAgain(b []byte, e *Entry, at int) ([]byte, error) {
	b = strconv.AppendInt(append(b, `{"at":`...), int64(at), 10)
	b = appendBytes(append(b, `,"request_id":`...), e.RequestID)
	b, err := appendTime(append(b, `,"time":`...), e.Time)
	return append(b, '}'), err
}
