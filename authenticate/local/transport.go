package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Transport returns a RoundTripper by which authenticate reaches the provider
// without the wire, so that signing in works before the first listener does and
// needs no trust in our own certificate. It answers for the issuer's own URLs
// and refuses every other.
func (p *Provider) Transport() http.RoundTripper { return inProcess{p} }

type inProcess struct{ p *Provider }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if r.URL.Host != t.p.host || !strings.HasPrefix(t.p.o.Issuer, r.URL.Scheme+"://") || !strings.HasPrefix(r.URL.Path, Path+"/") {
		return nil, fmt.Errorf("built-in provider: %s is not one of its own", r.URL.Redacted())
	}
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI, in.RemoteAddr = r.URL.Host, r.URL.RequestURI(), "in-process"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	held := &heldAnswer{}
	t.p.handler.ServeHTTP(held, in)
	if held.status == 0 {
		held.status = http.StatusOK
	}
	return &http.Response{
		Status: http.StatusText(held.status), StatusCode: held.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: held.Header(), ContentLength: int64(held.body.Len()),
		Body: io.NopCloser(bytes.NewReader(held.body.Bytes())), Request: r,
	}, nil
}
