package policy

import "slices"

// Reads says which facts a program reads. Facts not named here do not change
// its decision.
type Reads struct {
	Session         bool     // whether somebody is signed in, and who
	Method          bool     // the request's method
	Path            bool     // its decoded path
	Query           bool     // its raw query
	Host            bool     // its host
	Address         bool     // the client's IP address
	Certificate     bool     // whether a client certificate was presented and is valid
	CertificateLeaf bool     // the certificate itself
	Clock           bool     // the time; such a decision is never remembered
	Headers         []string // canonical names, sorted
}

// union returns what is read by either.
func (r Reads) union(o Reads) Reads {
	u := Reads{
		Session:         r.Session || o.Session,
		Method:          r.Method || o.Method,
		Path:            r.Path || o.Path,
		Query:           r.Query || o.Query,
		Host:            r.Host || o.Host,
		Address:         r.Address || o.Address,
		Certificate:     r.Certificate || o.Certificate,
		CertificateLeaf: r.CertificateLeaf || o.CertificateLeaf,
		Clock:           r.Clock || o.Clock,
		Headers:         slices.Concat(r.Headers, o.Headers),
	}
	slices.Sort(u.Headers)
	u.Headers = slices.Compact(u.Headers)
	return u
}
