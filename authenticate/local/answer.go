package local

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// laterAfter is when to try again after a fault of ours.
const laterAfter = 10 * time.Second

// requestID is Envoy's, by which the log is searched.
func requestID(r *http.Request) string { return r.Header.Get("X-Request-Id") }

// problem tells the person what happened, in the words of the kind: the same
// whatever the cause, so that they teach a stranger nothing.
func (p *Provider) problem(w http.ResponseWriter, r *http.Request, kind pages.Kind) {
	p.o.Pages.Error(pages.RequestOf(r), pages.Problem{Kind: kind, RequestID: requestID(r), Host: r.Host}).Send(w)
}

// fault logs what went wrong on our side and tells the person only that it did.
func (p *Provider) fault(w http.ResponseWriter, r *http.Request, err error, what string) {
	p.o.Log.Error().Err(err).Str("step", what).Str("request_id", requestID(r)).Msg("built-in provider failed")
	p.o.Pages.Error(pages.RequestOf(r), pages.Problem{
		Kind: pages.ProviderDown, RequestID: requestID(r), Host: r.Host, Retry: laterAfter,
	}).Send(w)
}

// jsonError answers the client in the form of RFC 6749, section 5.2.
func jsonError(w http.ResponseWriter, status int, code, description string) {
	answerJSON(w, status, map[string]string{"error": code, "error_description": description})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nothing to do about it
}

// noStore keeps an answer with a code or a token out of every cache, and its
// address out of every Referer header.
func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1
	w.Header().Set("Referrer-Policy", "no-referrer")
}

// setRetryAfter rounds up: a second too early would be refused again.
func setRetryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// shown is what the form repeats of a typed e-mail.
func shown(email string) string {
	if len(email) > maxEmail || !utf8.ValidString(email) {
		return ""
	}
	return email
}

// A heldAnswer is an answer kept in memory, to be looked at before it is sent.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header {
	if h.header == nil {
		h.header = make(http.Header)
	}
	return h.header
}

func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heldAnswer) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(b)
}
