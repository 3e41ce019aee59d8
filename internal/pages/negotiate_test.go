package pages

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	chrome    = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	axios     = "application/json, text/plain, */*"
	imageOnly = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		req    Request
		format Format
		signIn bool
	}{
		{"a browser opens a page", Request{SecFetchMode: "navigate", SecFetchDest: "document", Accept: chrome}, HTML, true},
		{"a browser posts a form", Request{Method: "POST", SecFetchMode: "navigate", SecFetchDest: "document", Accept: chrome, ContentType: "application/x-www-form-urlencoded"}, HTML, true},
		{"an iframe is a navigation", Request{SecFetchMode: "navigate", SecFetchDest: "iframe", Accept: chrome}, HTML, true},
		{"a frame is a navigation", Request{SecFetchMode: "navigate", SecFetchDest: "frame", Accept: chrome}, HTML, true},
		{"Sec-Fetch values are compared without regard to case", Request{SecFetchMode: " Navigate ", SecFetchDest: "Document"}, HTML, true},
		{"a navigation with an Accept that says nothing", Request{SecFetchMode: "navigate", SecFetchDest: "document", Accept: "*/*"}, HTML, true},
		{"a worker refetches a document", Request{SecFetchMode: "same-origin", SecFetchDest: "document", Accept: chrome}, HTML, true},
		{"a destination alone is enough", Request{SecFetchDest: "document", Accept: "*/*"}, HTML, true},

		{"fetch with the default Accept", Request{SecFetchMode: "cors", SecFetchDest: "empty", Accept: "*/*"}, JSON, false},
		{"fetch that asks for html by hand", Request{SecFetchMode: "cors", SecFetchDest: "empty", Accept: "text/html"}, HTML, false},
		{"fetch from the same origin", Request{SecFetchMode: "same-origin", SecFetchDest: "empty", Accept: "*/*"}, JSON, false},
		{"fetch without reading", Request{SecFetchMode: "no-cors", SecFetchDest: "empty", Accept: "*/*"}, JSON, false},
		{"fetch in a browser that sends no destination", Request{SecFetchMode: "cors", Accept: chrome}, HTML, false},
		{"an image", Request{SecFetchMode: "no-cors", SecFetchDest: "image", Accept: imageOnly}, Plain, false},
		{"a script", Request{SecFetchMode: "no-cors", SecFetchDest: "script", Accept: "*/*"}, Plain, false},
		{"a style sheet", Request{SecFetchMode: "no-cors", SecFetchDest: "style", Accept: "text/css,*/*;q=0.1"}, Plain, false},
		{"a beacon", Request{Method: "POST", SecFetchMode: "no-cors", SecFetchDest: "empty", ContentType: "text/plain"}, JSON, false},
		{"a preflight", Request{Method: "OPTIONS", SecFetchMode: "cors", SecFetchDest: "empty", Accept: "*/*"}, JSON, false},
		{"a websocket from a browser", Request{SecFetchMode: "websocket", SecFetchDest: "empty", Upgrade: "websocket"}, JSON, false},
		{"a websocket from a program", Request{Upgrade: "WebSocket"}, Plain, false},
		{"an upgrade to spdy", Request{Upgrade: "SPDY/3.1"}, Plain, false},
		{"an offer of h2c is no upgrade", Request{Upgrade: "h2c", Accept: "*/*"}, HTML, true},
		{"XMLHttpRequest says so", Request{XRequestedWith: "XMLHttpRequest", Accept: "*/*"}, JSON, false},
		{"XMLHttpRequest outranks a navigation", Request{XRequestedWith: "xmlhttprequest", SecFetchMode: "navigate", SecFetchDest: "document", Accept: "*/*"}, JSON, false},
		{"an app's own X-Requested-With is no XHR", Request{XRequestedWith: "com.example.app", SecFetchMode: "navigate", SecFetchDest: "document", Accept: chrome}, HTML, true},

		{"plain curl", Request{Accept: "*/*", UserAgent: "curl/8.9"}, HTML, true},
		{"no headers at all", Request{}, HTML, true},
		{"an old browser", Request{Accept: chrome}, HTML, true},
		{"malformed Accept counts as html", Request{Accept: ";;;,,,"}, HTML, true},
		{"an Accept of nothing known", Request{Accept: "image/png"}, Plain, false},
		{"json asked for", Request{Accept: "application/json"}, JSON, false},
		{"problem+json asked for", Request{Accept: "application/problem+json"}, JSON, false},
		{"any +json is json", Request{Accept: "application/vnd.api+json"}, JSON, false},
		{"json named beats the wildcard", Request{Accept: axios}, JSON, false},
		{"json with less weight than html", Request{Accept: "application/json;q=0.5, text/html"}, HTML, true},
		{"html with less weight than json", Request{Accept: "text/html;q=0.5, application/json"}, JSON, false},
		{"a tie of names goes to html", Request{Accept: "application/json, text/html"}, HTML, true},
		{"html refused by name", Request{Accept: "text/html;q=0, */*"}, JSON, false},
		{"everything refused", Request{Accept: "*/*;q=0"}, Plain, false},
		{"text by wildcard", Request{Accept: "text/*"}, HTML, true},
		{"plain text asked for", Request{Accept: "text/plain"}, Plain, false},
		{"plain text with a parameter", Request{Accept: "text/plain; charset=utf-8; q=0.9, text/*;q=0.1"}, Plain, false},
		{"an unreadable weight counts for nothing", Request{Accept: "text/html;q=NaN, application/json;q=0.1"}, JSON, false},
		{"a weight out of range counts for nothing", Request{Accept: "text/html;q=7, application/json;q=0.1"}, JSON, false},
		{"json sent", Request{Method: "POST", ContentType: "application/json; charset=utf-8", Accept: "*/*"}, JSON, false},
		{"a method that no page sends", Request{Method: "DELETE", Accept: chrome}, HTML, false},
		{"PUT by curl", Request{Method: "PUT", Accept: "*/*"}, HTML, false},
		{"a client with its own token", Request{Token: true, Accept: "*/*"}, JSON, false},
		{"a client with its own token that shows pages", Request{Token: true, Accept: chrome}, HTML, false},

		{"gRPC", Request{Method: "POST", ContentType: "application/grpc"}, GRPC, false},
		{"gRPC with a codec", Request{Method: "POST", ContentType: "application/grpc+proto"}, GRPC, false},
		{"gRPC-Web from a browser", Request{Method: "POST", ContentType: "application/grpc-web+proto", SecFetchMode: "cors", SecFetchDest: "empty"}, GRPC, false},
		{"gRPC-Web as Accept", Request{Method: "POST", Accept: "application/grpc-web-text"}, GRPC, false},
		{"gRPC cannot navigate", Request{Method: "POST", ContentType: "application/grpc", SecFetchMode: "navigate", SecFetchDest: "document", Accept: chrome}, GRPC, false},
		{"kubectl", Request{UserAgent: "kubectl/v1.33.0 (linux/amd64) kubernetes/8adc0f0", Accept: "application/json"}, Kubernetes, false},
		{"robots", Request{Path: "/robots.txt", Accept: "*/*"}, Robots, false},
		{"robots under another path is a page", Request{Path: "/a/robots.txt", Accept: "*/*"}, HTML, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Negotiate(tc.req); got != tc.format {
				t.Errorf("Negotiate = %v, want %v", got, tc.format)
			}
			if got := tc.req.MaySignIn(); got != tc.signIn {
				t.Errorf("MaySignIn = %v, want %v", got, tc.signIn)
			}
		})
	}
}

func TestRequestOf(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/a?b=c", nil)
	r.Header.Add("Accept", "text/plain")
	r.Header.Add("Accept", "text/html;q=0.5")
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Dest", "empty")
	r.Header.Set("X-Requested-With", "XMLHttpRequest")
	r.Header.Set("User-Agent", "curl/8")
	r.Header.Set("Upgrade", "websocket")
	want := Request{
		Method: "POST", Path: "/a", Accept: "text/plain, text/html;q=0.5", ContentType: "text/plain",
		SecFetchMode: "cors", SecFetchDest: "empty", XRequestedWith: "XMLHttpRequest",
		UserAgent: "curl/8", Upgrade: "websocket",
	}
	if diff := cmp.Diff(want, RequestOf(r)); diff != "" {
		t.Errorf("RequestOf (-want +got):\n%s", diff)
	}
}

// What a stranger sends must never panic, and a program must never be taken for
// a person because its header was long or odd.
func FuzzNegotiate(f *testing.F) {
	f.Add(chrome, "text/html", "navigate")
	f.Add("text/html;q=\x00, a/b;q=1;q=2,,;", "application/grpc", "")
	f.Fuzz(func(t *testing.T, accept, contentType, mode string) {
		r := Request{Accept: accept, ContentType: contentType, SecFetchMode: mode}
		Negotiate(r)
		if r.MaySignIn() && r.isGRPC() {
			t.Errorf("gRPC sent to sign in: %+v", r)
		}
	})
}
