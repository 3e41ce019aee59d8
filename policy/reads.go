package policy

import (
	"cmp"
	"slices"
)

// Reads says which facts a program reads. Facts not named here do not change
// its decision.
type Reads struct {
	Session         bool     // whether somebody is signed in, and who
	Method          bool     // the request's method
	Path            bool     // its decoded path
	RawPath         bool     // its path as sent
	Query           bool     // its raw query
	Host            bool     // its host
	Address         bool     // the client's IP address
	Certificate     bool     // whether a client certificate was presented and is valid
	CertificateLeaf bool     // the certificate itself
	Clock           bool     // the time: a decision holds until the next moment that matters
	Headers         []string // canonical names, sorted
	Parameters      []string // of the query, by their decoded names, sorted
	AllHeaders      bool     // every header there is; such a decision is Volatile
	Zones           []string // IANA time zones in which the time is read, sorted

	// Records are the external records that are looked up, sorted.
	Records []RecordRead
	// Volatile says that more is read than is named here, such as every header
	// or a random number. Such a decision is never remembered.
	Volatile bool
}

// A RecordRead names one look-up of an external record.
type RecordRead struct {
	Type string
	// Key is what the record is looked up by; "" tries each of RecordKeys and
	// takes the first that is there.
	Key RecordKey
}

// name is how the record is called in the input.
func (r RecordRead) name() string { return r.Type + "|" + string(r.Key) }

func compareRecordReads(a, b RecordRead) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Key, b.Key))
}

// union returns what is read by either.
func (r Reads) union(o Reads) Reads {
	u := Reads{
		Session:         r.Session || o.Session,
		Method:          r.Method || o.Method,
		Path:            r.Path || o.Path,
		RawPath:         r.RawPath || o.RawPath,
		Query:           r.Query || o.Query,
		Host:            r.Host || o.Host,
		Address:         r.Address || o.Address,
		Certificate:     r.Certificate || o.Certificate,
		CertificateLeaf: r.CertificateLeaf || o.CertificateLeaf,
		Clock:           r.Clock || o.Clock,
		AllHeaders:      r.AllHeaders || o.AllHeaders,
		Volatile:        r.Volatile || o.Volatile,
		Headers:         slices.Concat(r.Headers, o.Headers),
		Parameters:      slices.Concat(r.Parameters, o.Parameters),
		Zones:           slices.Concat(r.Zones, o.Zones),
		Records:         slices.Concat(r.Records, o.Records),
	}
	slices.Sort(u.Headers)
	u.Headers = slices.Compact(u.Headers)
	slices.Sort(u.Parameters)
	u.Parameters = slices.Compact(u.Parameters)
	slices.Sort(u.Zones)
	u.Zones = slices.Compact(u.Zones)
	slices.SortFunc(u.Records, compareRecordReads)
	u.Records = slices.Compact(u.Records)
	return u
}
