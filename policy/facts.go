package policy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"iter"
	"net/netip"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Facts are what a decision is made from.
type Facts struct {
	Request Request
	Person  *Person   // nil where nobody is signed in
	Now     time.Time // the zero Time means time.Now
	Records Records   // nil: there is no external record
	// Print takes what hand-written Rego prints: the file and line of the call,
	// and one line of text that may hold anything. nil drops it. A remembered
	// decision prints nothing.
	Print func(file string, line int, text string)
	// Seen is told of every external record that is looked up, those that are
	// absent included; some may come twice. nil is nobody.
	Seen func(RecordSeen)
}

// A Request is the request as it goes to the upstream: what is decided about
// must be what arrives.
type Request struct {
	Method   string
	Scheme   string
	Host     string // as sent, with its port
	Hostname string // without it
	Path     string // decoded, without the query
	RawPath  string
	RawQuery string
	// Header returns the first value of a header by its canonical name, and
	// whether there is one. nil means that there are no headers.
	Header func(name string) (value string, ok bool)
	// Headers goes through all headers, of one with several values the first one
	// first. Only policies whose Reads have AllHeaders ask for it; nil means that
	// there are none but those of Header.
	Headers iter.Seq2[string, string]
	// IP is the client's address. The zero Addr, which means that it is not
	// known, is in no network.
	IP netip.Addr
	// ClientCertificate is that of the connection.
	ClientCertificate ClientCertificate
}

// A ClientCertificate says what the client proved in its TLS handshake.
type ClientCertificate struct {
	Presented bool // it offered a certificate and holds its key
	// Valid says that the certificate passes every check that the
	// configuration asks for, or that it asks for none.
	Valid bool
	Leaf  *x509.Certificate // nil where none was presented
	// Intermediates are the others that were presented, the leaf's issuer first.
	Intermediates []*x509.Certificate
}

// The names of the input are fixed, and their terms made once.
var (
	keyPerson           = ast.StringTerm("person")
	keyLiterals         = ast.StringTerm("literals")
	keyHTTP             = ast.StringTerm("http")
	keyMethod           = ast.StringTerm("method")
	keyHost             = ast.StringTerm("host")
	keyPath             = ast.StringTerm("path")
	keyRawPath          = ast.StringTerm("raw_path")
	keyRawQuery         = ast.StringTerm("raw_query")
	keyRecords          = ast.StringTerm("records")
	keyQuery            = ast.StringTerm("query")
	keyIP               = ast.StringTerm("ip")
	keyHeaders          = ast.StringTerm("headers")
	keyHeaderValues     = ast.StringTerm("header_values")
	keyCertificate      = ast.StringTerm("client_certificate")
	keyValidCertificate = ast.StringTerm("is_valid_client_certificate")
)

// input returns what the Rego may read: its literals, the facts that r names,
// and nothing else. A fact that is not known is left out, which makes every
// test of it fail. records are those of lookUp.
func (f *Facts) input(r *Reads, records []*Record, literals *ast.Term) *ast.Term {
	top := make([][2]*ast.Term, 0, 6)
	if literals != nil {
		top = append(top, ast.Item(keyLiterals, literals))
	}
	if r.Session && f.Person != nil {
		top = append(top, ast.Item(keyPerson, f.Person.term))
	}
	if http := f.httpItems(r); len(http) > 0 {
		top = append(top, ast.Item(keyHTTP, ast.ObjectTerm(http...)))
	}
	if r.Certificate {
		top = append(top, ast.Item(keyValidCertificate, ast.BooleanTerm(f.Request.ClientCertificate.Valid)))
	}
	if r.Clock {
		top = append(top, ast.Item(keyNow, clockTerm(f.now(), r.Zones)))
	}
	if len(records) > 0 {
		top = append(top, ast.Item(keyRecords, recordsTerm(r, records)))
	}
	return ast.ObjectTerm(top...)
}

func recordsTerm(r *Reads, records []*Record) *ast.Term {
	items := make([][2]*ast.Term, 0, len(records))
	for i, record := range records {
		if record != nil {
			items = append(items, ast.Item(ast.StringTerm(r.Records[i].name()), record.term))
		}
	}
	return ast.ObjectTerm(items...)
}

func jsonNumber(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

func (f *Facts) httpItems(r *Reads) [][2]*ast.Term {
	q := &f.Request
	var items [][2]*ast.Term
	text := func(read bool, key *ast.Term, value string) {
		if read && value != "" {
			items = append(items, ast.Item(key, ast.StringTerm(value)))
		}
	}
	text(r.Method, keyMethod, q.Method)
	text(r.Host, keyHost, q.Host)
	text(r.Path, keyPath, q.Path)
	text(r.RawPath, keyRawPath, q.RawPath)
	text(r.Query, keyRawQuery, q.RawQuery)
	if ip := q.clientIP(); r.Address && ip.IsValid() {
		text(true, keyIP, ip.String())
	}
	if len(r.Headers) > 0 {
		headers := make([][2]*ast.Term, 0, len(r.Headers))
		values := make([][2]*ast.Term, 0, len(r.Headers))
		for _, name := range r.Headers {
			if value, ok := q.header(name); ok {
				headers = append(headers, ast.Item(ast.StringTerm(name), ast.StringTerm(value)))
				if each := headerValues(value); each != nil {
					values = append(values, ast.Item(ast.StringTerm(name), textsTerm(each)))
				}
			}
		}
		items = append(items, ast.Item(keyHeaders, ast.ObjectTerm(headers...)), ast.Item(keyHeaderValues, ast.ObjectTerm(values...)))
	}
	if len(r.Parameters) > 0 {
		items = append(items, ast.Item(keyQuery, queryTerm(q.RawQuery, r.Parameters)))
	}
	if r.Certificate {
		items = append(items, ast.Item(keyCertificate, q.ClientCertificate.term(r.CertificateLeaf)))
	}
	return items
}

// key appends to b everything that input reads but the person and the time,
// each part with its length, so that two different inputs never give the same
// key.
func (f *Facts) key(b []byte, r *Reads, records []*Record) []byte {
	q := &f.Request
	if r.Method {
		b = appendText(b, q.Method)
	}
	if r.Host {
		// As parts of one address: hand-written Rego may read either.
		b = appendText(b, q.Scheme)
		b = appendText(b, q.Host)
		b = appendText(b, q.Hostname)
	}
	if r.Path {
		b = appendText(b, q.Path)
	}
	if r.RawPath {
		b = appendText(b, q.RawPath)
	}
	if r.Query || len(r.Parameters) > 0 {
		b = appendText(b, q.RawQuery)
	}
	if r.Address {
		ip := q.clientIP().As16() // the zero Addr must not be ::
		b = append(b, byte(q.clientIP().BitLen()))
		b = append(b, ip[:]...)
	}
	for _, name := range r.Headers {
		value, ok := q.header(name)
		b = append(b, flagByte(ok))
		b = appendText(b, value)
	}
	if r.Certificate {
		b = append(b, flagByte(q.ClientCertificate.Presented), flagByte(q.ClientCertificate.Valid))
	}
	if r.CertificateLeaf {
		leaf := q.ClientCertificate.Leaf
		b = append(b, flagByte(leaf != nil))
		if leaf != nil {
			sum := sha256.Sum256(leaf.Raw)
			b = append(b, sum[:]...)
		}
		b = binary.AppendUvarint(b, uint64(len(q.ClientCertificate.Intermediates)))
		for _, one := range q.ClientCertificate.Intermediates {
			sum := sha256.Sum256(one.Raw)
			b = append(b, sum[:]...)
		}
	}
	for _, record := range records {
		stamp := uint64(0) // that it is absent is an input too
		if record != nil {
			stamp = record.stamp
		}
		b = binary.AppendUvarint(b, stamp)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func flagByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// clientIP returns the address in its one form: an IPv4 address that came in
// an IPv6 one is an IPv4 address, and a zone says nothing about the client.
func (q *Request) clientIP() netip.Addr { return q.IP.Unmap().WithZone("") }

func (q *Request) header(name string) (string, bool) {
	if q.Header == nil {
		return "", false
	}
	return q.Header(name)
}

// term returns the certificate as Rego reads it.
func (c ClientCertificate) term(withLeaf bool) *ast.Term {
	items := [][2]*ast.Term{ast.Item(ast.StringTerm("presented"), ast.BooleanTerm(c.Presented))}
	if !withLeaf || !c.Presented || c.Leaf == nil {
		return ast.ObjectTerm(items...)
	}
	sum := sha256.Sum256(c.Leaf.Raw)
	spki := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	uris := make([]string, len(c.Leaf.URIs))
	for i, u := range c.Leaf.URIs {
		uris[i] = u.String()
	}
	items = append(items,
		ast.Item(ast.StringTerm("fingerprint"), ast.StringTerm(hex.EncodeToString(sum[:]))),
		ast.Item(ast.StringTerm("spki_hash"), ast.StringTerm(base64.StdEncoding.EncodeToString(spki[:]))),
		ast.Item(ast.StringTerm("san_email"), textsTerm(c.Leaf.EmailAddresses)),
		ast.Item(ast.StringTerm("san_dns"), textsTerm(c.Leaf.DNSNames)),
		ast.Item(ast.StringTerm("san_uri"), textsTerm(uris)),
	)
	return ast.ObjectTerm(items...)
}

func textsTerm(texts []string) *ast.Term { return ast.ArrayTerm(stringTerms(texts)...) }
