package journal

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
	"unsafe"
)

// An Entry is one decision and what it read. After Add nobody may change it or
// what it points to, nor what was found or read: they may be shared.
type Entry struct {
	RequestID  string
	Time       time.Time // of the decision; Add takes the present for zero
	Generation uint64    // of the configuration

	RouteID      string
	From         string // the route's from URL
	PolicyDigest string

	Method      string
	Host        string
	RawPath     string // as it came, without the query
	Path        string // decoded
	RawQuery    string
	QueryHidden bool // the query held secrets; RawQuery is then never recorded

	// Headers are those present, by canonical name, sorted, each once.
	// HeaderNames are those that were looked at: a name here and not in Headers
	// was absent, and of any other header nothing is known.
	Headers     []Header
	HeaderNames []string

	IP     string       // of the client
	Cert   *Certificate // nil: the connection could not have carried one
	Person *Person      // nil: nobody signed in
	// ImpersonatedBy is who acted as Person; "" for Person themself.
	ImpersonatedBy string

	Outcome      string // in the caller's words
	Allow, Deny  bool   // whether an allow rule, a deny rule was met
	AllowReasons []string
	DenyReasons  []string

	Records []Record // the external records that the decision read
	Err     string   // why there was no decision; empty when there was one
}

// A Header is one header of a request.
type Header struct{ Name, Value string }

// Header returns the value of a header by its canonical name.
func (e *Entry) Header(name string) (value string, ok bool) {
	for i := range e.Headers {
		if e.Headers[i].Name == name {
			return e.Headers[i].Value, true
		}
	}
	return "", false
}

// A Certificate is what the client showed of itself.
type Certificate struct {
	Presented bool
	Valid     bool
	LeafDER   []byte // the certificate, X.509 in DER; nil if none or not kept
	// IntermediatesDER are the others that were presented with it, in order.
	IntermediatesDER [][]byte
}

// A Record is one external record that a decision asked for.
type Record struct {
	Type, Key string
	Value     string          // what of the record was asked for
	Data      json.RawMessage // JSON; nil, Later as well: there was no such record
	Later     *Later          // what Data will be, of an entry that is added
}

// A Later is JSON that is made behind the request path, once for each entry
// written in full, or by Find and Read; calls may overlap. The same pointer is
// the same JSON. Where it cannot be made, nothing is recorded of the record.
type Later struct {
	Data func() ([]byte, error)
}

// settled returns r with Data and without Later. It reports false where that
// cannot be made.
func (r Record) settled() (Record, bool) {
	if r.Later == nil {
		return r, true
	}
	data, err := r.Later.Data()
	if err != nil || len(data) == 0 || !json.Valid(data) || !utf8.Valid(data) {
		return r, false
	}
	r.Data, r.Later = data, nil
	return r, true
}

// A Person is one version of what was known of somebody signed in, shared by
// all entries that were decided with it: the same pointer is the same person.
type Person struct {
	// Data makes the JSON of the person, for an entry that is added. It runs
	// behind the request path, at most once for each block written, may be
	// called again by Find and Read, and calls may overlap.
	Data func() ([]byte, error)

	// JSON is the same for an entry that was found, read or imported. It is nil
	// when it could not be made: Err then says why. Such a person was signed
	// in, and nothing else is known.
	JSON json.RawMessage
	Err  string
}

// settled returns p with JSON or Err and without Data.
func (p *Person) settled() *Person {
	switch {
	case p == nil, p.Data == nil && (p.JSON != nil || p.Err != ""):
		return p
	case p.Data == nil:
		return &Person{Err: "nothing was recorded of the person"}
	}
	data, err := p.Data()
	switch {
	case err != nil:
		why := err.Error()
		return &Person{Err: "the person cannot be recorded: " + why[:min(len(why), 500)]}
	case len(data) > maxPerson:
		return &Person{Err: fmt.Sprintf("%d bytes of JSON, more than the %d that are recorded of a person", len(data), maxPerson)}
	case !json.Valid(data), !utf8.Valid(data):
		return &Person{Err: "what was to be recorded of the person is not JSON"}
	}
	return &Person{JSON: data}
}

// entrySize is the struct, and what the pieces of memory that it points to cost
// besides their bytes.
const entrySize = 600

// weight is about how many bytes of memory e keeps alive, its person and its
// later records aside: those are versions that many share and others hold. What
// entries may share else is weighed with each, for it may be e that holds it.
func (e *Entry) weight() int64 {
	n := entrySize + len(e.RequestID) + len(e.RouteID) + len(e.From) + len(e.PolicyDigest) +
		len(e.Method) + len(e.Host) + len(e.RawPath) + len(e.Path) + len(e.RawQuery) +
		len(e.IP) + len(e.ImpersonatedBy) + len(e.Outcome) + len(e.Err) +
		textsWeight(e.HeaderNames) + textsWeight(e.AllowReasons) + textsWeight(e.DenyReasons)
	n += cap(e.Headers) * int(unsafe.Sizeof(Header{}))
	for i := range e.Headers {
		n += len(e.Headers[i].Name) + len(e.Headers[i].Value)
	}
	n += cap(e.Records) * int(unsafe.Sizeof(Record{}))
	for i := range e.Records {
		r := &e.Records[i]
		n += len(r.Type) + len(r.Key) + len(r.Value) + len(r.Data)
	}
	if e.Cert != nil {
		n += int(unsafe.Sizeof(*e.Cert)) + len(e.Cert.LeafDER) + cap(e.Cert.IntermediatesDER)*int(unsafe.Sizeof([]byte{}))
		for _, der := range e.Cert.IntermediatesDER {
			n += len(der)
		}
	}
	return int64(n)
}

func textsWeight(texts []string) int {
	n := cap(texts) * int(unsafe.Sizeof(""))
	for _, s := range texts {
		n += len(s)
	}
	return n
}
