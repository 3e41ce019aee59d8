package idp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// patience is how long one request to the provider may take; a person waits.
	patience = 10 * time.Second
	// maxAnswer bounds what is read of one answer, in bytes.
	maxAnswer = 1 << 20
)

func newClient(next http.RoundTripper) *http.Client {
	if next == nil {
		next = http.DefaultTransport.(*http.Transport).Clone()
	}
	return &http.Client{
		Transport: bounded{next}, Timeout: patience,
		// A provider's API does not move while one talks to it, and a redirect
		// would carry the client's secret along.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("identity provider redirects; configure its final address")
		},
	}
}

// bounded fails a body that is longer than maxAnswer instead of reading on.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	return n, err
}
