package policy

import (
	"crypto/x509"
	"encoding/pem"
	"net/textproto"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// written is the input of hand-written Rego: the facts that r names and nothing
// else. Unlike in the input of generated Rego what is not known is there, as
// an empty text, because people write what is not: "not" over what is undefined
// is true.
func (f *Facts) written(r *Reads) *ast.Term {
	top := make([][2]*ast.Term, 0, 5)
	top = append(top, field("http", ast.ObjectTerm(f.writtenHTTP(r)...)))
	if r.Session {
		id, user := "", ""
		if f.Person != nil {
			id, user = f.Person.sessionID, f.Person.userID
			top = append(top, ast.Item(keyPerson, f.Person.term))
		}
		top = append(top, field("session", object(field("id", ast.StringTerm(id)), field("user_id", ast.StringTerm(user)))))
	}
	if r.Certificate {
		top = append(top, ast.Item(keyValidCertificate, ast.BooleanTerm(f.Request.ClientCertificate.Valid)))
	}
	if r.Clock {
		top = append(top, ast.Item(keyNow, clockTerm(f.now(), nil)))
	}
	return ast.ObjectTerm(top...)
}

func (f *Facts) writtenHTTP(r *Reads) [][2]*ast.Term {
	q := &f.Request
	items := make([][2]*ast.Term, 0, 10)
	text := func(read bool, name string, value string) {
		if read {
			items = append(items, field(name, ast.StringTerm(value)))
		}
	}
	text(r.Method, "method", q.Method)
	text(r.Host, "host", q.Host)
	text(r.Host, "hostname", q.Hostname)
	text(r.Path, "path", q.Path)
	text(r.RawPath, "raw_path", q.RawPath)
	text(r.Query, "raw_query", q.RawQuery)
	if r.Host && r.RawPath && r.Query {
		text(true, "url", q.url())
	}
	if r.Address {
		ip := ""
		if a := q.clientIP(); a.IsValid() {
			ip = a.String()
		}
		text(true, "ip", ip)
	}
	if r.AllHeaders || len(r.Headers) > 0 {
		items = append(items, ast.Item(keyHeaders, q.writtenHeaders(r)))
	}
	if r.Certificate {
		items = append(items, ast.Item(keyCertificate, q.ClientCertificate.written(r.CertificateLeaf)))
	}
	return items
}

// url is the address that was asked for, as a client would write it.
func (q *Request) url() string {
	u := q.Scheme + "://" + q.Host + q.RawPath
	if q.RawQuery != "" {
		u += "?" + q.RawQuery
	}
	return u
}

// writtenHeaders are the headers that are read, by canonical name with their
// first values. What signs somebody in is not among them.
func (q *Request) writtenHeaders(r *Reads) *ast.Term {
	headers := ast.NewObject()
	add := func(name, value string) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		key := ast.StringTerm(name)
		if !SecretHeader(name) && headers.Get(key) == nil {
			headers.Insert(key, ast.StringTerm(strings.ToValidUTF8(value, "\uFFFD")))
		}
	}
	if r.AllHeaders && q.Headers != nil {
		q.Headers(func(name, value string) bool { add(name, value); return true })
	}
	for _, name := range r.Headers {
		if value, ok := q.header(name); ok {
			add(name, value)
		}
	}
	return ast.NewTerm(headers)
}

// written returns the certificate as hand-written Rego reads it.
func (c ClientCertificate) written(withLeaf bool) *ast.Term {
	items := [][2]*ast.Term{field("presented", ast.BooleanTerm(c.Presented))}
	if withLeaf {
		leaf, intermediates := "", ""
		if c.Presented && c.Leaf != nil {
			leaf = certificatePEM(c.Leaf)
			for _, one := range c.Intermediates {
				intermediates += certificatePEM(one)
			}
		}
		items = append(items, field("leaf", ast.StringTerm(leaf)), field("intermediates", ast.StringTerm(intermediates)))
	}
	return ast.ObjectTerm(items...)
}

func certificatePEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}
