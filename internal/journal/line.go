package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"time"
)

// A line is an entry in JSON: one in a block, and one line of an export. The
// names are a promise to whoever reads exports.
type line struct {
	RequestID    text            `json:"request_id"`
	Time         time.Time       `json:"time"`
	Generation   uint64          `json:"generation,omitempty"`
	RouteID      text            `json:"route_id,omitempty"`
	From         text            `json:"from,omitempty"`
	PolicyDigest text            `json:"policy_digest,omitempty"`
	Method       text            `json:"method,omitempty"`
	Host         text            `json:"host,omitempty"`
	RawPath      text            `json:"raw_path,omitempty"`
	Path         text            `json:"path,omitempty"`
	RawQuery     text            `json:"raw_query,omitempty"`
	QueryHidden  bool            `json:"query_hidden,omitempty"`
	Headers      map[string]text `json:"headers,omitempty"`
	HeaderNames  []string        `json:"header_names,omitempty"`
	IP           text            `json:"ip,omitempty"`
	Cert         *lineCert       `json:"certificate,omitempty"`
	Person       *linePerson     `json:"person,omitempty"`
	Impersonated text            `json:"impersonated_by,omitempty"`
	Outcome      text            `json:"outcome,omitempty"`
	Allow        bool            `json:"allow,omitempty"`
	Deny         bool            `json:"deny,omitempty"`
	AllowReasons []string        `json:"allow_reasons,omitempty"`
	DenyReasons  []string        `json:"deny_reasons,omitempty"`
	Records      []lineRecord    `json:"records,omitempty"`
	Err          text            `json:"error,omitempty"`
}

type lineCert struct {
	Presented bool   `json:"presented"`
	Valid     bool   `json:"valid"`
	LeafDER   []byte `json:"leaf_der,omitempty"`

	IntermediatesDER [][]byte `json:"intermediates_der,omitempty"`
}

// A linePerson stands in an export with its data or the error instead of them,
// in a block with the place of the same in the block.
type linePerson struct {
	Data json.RawMessage `json:"data,omitempty"`
	Err  text            `json:"error,omitempty"`
	At   *int            `json:"at,omitempty"`
}

type lineRecord struct {
	Type  text            `json:"type"`
	Key   text            `json:"key"`
	Value text            `json:"value,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"` // null is data; absent is none
}

// A text is any string of bytes: a JSON string when it is UTF-8, and otherwise
// {"base64": "..."}. A path that came with other bytes must be judged again as
// it was, not with its bytes replaced.
type text string

type textBytes struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t text) MarshalJSON() ([]byte, error) {
	return appendBytes(make([]byte, 0, len(t)+2), string(t)), nil
}

// plain reports whether s stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	if n := len(data); data[0] == '"' && plain(string(data[1:n-1])) {
		*t = text(data[1 : n-1])
		return nil
	}
	if data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	var b textBytes
	if err := strict(data, &b); err != nil || b.Base64 == nil {
		return errors.New(`want a string, or {"base64": "..."}`)
	}
	*t = text(b.Base64)
	return nil
}

// newLine returns e as it is recorded, without its person, which is written
// differently in a block and in an export.
func newLine(e *Entry) line {
	l := line{
		RequestID: text(e.RequestID), Time: e.Time.UTC().Round(0), Generation: e.Generation,
		RouteID: text(e.RouteID), From: text(e.From), PolicyDigest: text(e.PolicyDigest),
		Method: text(e.Method), Host: text(e.Host), RawPath: text(e.RawPath), Path: text(e.Path),
		RawQuery: text(e.RawQuery), QueryHidden: e.QueryHidden,
		HeaderNames: e.HeaderNames, IP: text(e.IP), Cert: (*lineCert)(e.Cert), Impersonated: text(e.ImpersonatedBy),
		Outcome: text(e.Outcome), Allow: e.Allow, Deny: e.Deny,
		AllowReasons: e.AllowReasons, DenyReasons: e.DenyReasons, Err: text(e.Err),
	}
	if e.QueryHidden {
		l.RawQuery = "" // whatever the caller left in it: secrets are not written
	}
	if len(e.Headers) > 0 {
		l.Headers = make(map[string]text, len(e.Headers))
		for _, h := range e.Headers {
			l.Headers[h.Name] = text(h.Value)
		}
	}
	for _, r := range e.Records {
		if r, ok := r.settled(); ok {
			l.Records = append(l.Records, lineRecord{text(r.Type), text(r.Key), text(r.Value), r.Data})
		}
	}
	return l
}

// entry returns the entry that l was made of, decided with person.
func (l *line) entry(person *Person) Entry {
	e := Entry{
		RequestID: string(l.RequestID), Time: l.Time, Generation: l.Generation,
		RouteID: string(l.RouteID), From: string(l.From), PolicyDigest: string(l.PolicyDigest),
		Method: string(l.Method), Host: string(l.Host), RawPath: string(l.RawPath), Path: string(l.Path),
		RawQuery: string(l.RawQuery), QueryHidden: l.QueryHidden,
		HeaderNames: l.HeaderNames, IP: string(l.IP), Cert: (*Certificate)(l.Cert), Person: person, ImpersonatedBy: string(l.Impersonated),
		Outcome: string(l.Outcome), Allow: l.Allow, Deny: l.Deny,
		AllowReasons: l.AllowReasons, DenyReasons: l.DenyReasons, Err: string(l.Err),
	}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		e.Headers = append(e.Headers, Header{name, string(l.Headers[name])})
	}
	for _, r := range l.Records {
		e.Records = append(e.Records, Record{Type: string(r.Type), Key: string(r.Key), Value: string(r.Value), Data: r.Data})
	}
	return e
}

// check says what is wrong with a line that JSON has nothing against.
func (l *line) check() error {
	switch {
	case l.Time.IsZero():
		return errors.New("time: want the time of the decision")
	case l.QueryHidden && l.RawQuery != "":
		return errors.New("raw_query: want none where query_hidden is true")
	case l.Person != nil && l.Person.At != nil:
		return errors.New("person: want data or error, not a place in a block")
	case l.Person != nil && (l.Person.Data == nil) == (l.Person.Err == ""):
		return errors.New("person: want data, or the error for which there are none")
	}
	return nil
}

// strict decodes data, which must be one JSON value with known keys.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON is not complete")
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("want nothing after the JSON value")
	}
	return nil
}
