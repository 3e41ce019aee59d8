package pages

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var asked = map[Format]Request{
	HTML:       {SecFetchMode: "navigate", SecFetchDest: "document"},
	JSON:       {Accept: "application/json"},
	Plain:      {Accept: "text/plain"},
	GRPC:       {Method: "POST", ContentType: "application/grpc-web+proto"},
	Kubernetes: {UserAgent: "kubectl/v1.33 kubernetes/8adc0f0"},
	Robots:     {Path: "/robots.txt"},
}

// inner are words that name a rule, an upstream, a version or a cause.
var inner = regexp.MustCompile(`(?i)\.go:|EOF|goroutine|panic|envoy|upstream|rego|policy|databroker|localhost|127\.0\.0\.1|go1\.|dial tcp`)

func TestEveryProblemSpeaksInEveryFormat(t *testing.T) {
	t.Parallel()
	p := newPages()
	for kind, w := range problems {
		for format, r := range asked {
			a := p.Error(r, Problem{Kind: kind, RequestID: sampleID, Host: "a.example"})
			status, contentType := w.status, map[Format]string{
				HTML: typeHTML, JSON: typeProblem, Plain: typePlain, Kubernetes: typeJSON,
				GRPC: "application/grpc-web+proto", Robots: typePlain,
			}[format]
			if format == GRPC || format == Robots {
				status = http.StatusOK
			}
			if a.Status != status || a.Header.Get("Content-Type") != contentType {
				t.Errorf("%q as %v: %d %q, want %d %q", kind, format, a.Status, a.Header.Get("Content-Type"), status, contentType)
			}
			checkHeaders(t, a)
			said := string(a.Body) + a.Header.Get("Grpc-Message")
			if format != Robots && !strings.Contains(said, sampleID) {
				t.Errorf("%q as %v lacks the request id: %s", kind, format, said)
			}
			if bad := inner.FindString(said); bad != "" {
				t.Errorf("%q as %v says %q", kind, format, bad)
			}
			if strings.Contains(said, "!") && format != HTML {
				t.Errorf("%q as %v exclaims", kind, format)
			}
		}
		if w.title == "" || w.why == "" || w.next == "" || w.name == "" || w.action.Label == "" {
			t.Errorf("%q is not told in full", kind)
		}
	}
}

func TestAnUnknownKindIsOurFault(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{"", "nonsense"} {
		if a := newPages().Error(Request{}, Problem{Kind: kind}); a.Status != http.StatusInternalServerError {
			t.Errorf("kind %q: status %d, want 500", kind, a.Status)
		}
	}
	for status, want := range map[int]Kind{418: Internal, 200: Internal, 403: Denied, 450: DeviceNotAllowed, 495: CertificateNeeded, 503: Unavailable} {
		if got := KindOf(status); got != want {
			t.Errorf("KindOf(%d) = %q, want %q", status, got, want)
		}
	}
	for _, w := range problems {
		if got := problems[KindOf(w.status)].status; got != w.status {
			t.Errorf("KindOf(%d) has status %d", w.status, got)
		}
	}
}

func TestProblemJSON(t *testing.T) {
	t.Parallel()
	a := newPages().Error(asked[JSON], Problem{Kind: Denied, RequestID: `"</script>`, Detail: "Ask Bob."})
	var got problemObject
	if err := json.Unmarshal(a.Body, &got); err != nil {
		t.Fatal(err)
	}
	want := problemObject{
		Type: "about:blank", Title: "You do not have access here", Status: 403, Kind: Denied, Error: "Access denied",
		Detail:    "The rules of this application do not let you in. Ask Bob.",
		Next:      "If you should have access, ask the people who look after this application, and give them the request ID below.",
		RequestID: `"</script>`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	if strings.Contains(string(a.Body), "<") {
		t.Errorf("the object holds markup: %s", a.Body)
	}
}

func TestHeadersThatAStatusOwes(t *testing.T) {
	t.Parallel()
	p := newPages()
	for _, tc := range []struct {
		name    string
		problem Problem
		header  string
		want    string
	}{
		{"401 names a scheme", Problem{Kind: SignInNeeded}, "Www-Authenticate", `Pomerium realm="cardea"`},
		{"405 names the methods", Problem{Kind: MethodNotAllowed, Allow: "GET, HEAD"}, "Allow", "GET, HEAD"},
		{"waiting rounds up", Problem{Kind: TooManyRequests, Retry: 1500 * time.Millisecond}, "Retry-After", "2"},
		{"nothing to wait for", Problem{Kind: Denied}, "Retry-After", ""},
		{"403 asks for nothing", Problem{Kind: Denied}, "Www-Authenticate", ""},
	} {
		for _, f := range []Format{HTML, JSON, Plain, Kubernetes} {
			if got := p.Error(asked[f], tc.problem).Header.Get(tc.header); got != tc.want {
				t.Errorf("%s, as %v: %s = %q, want %q", tc.name, f, tc.header, got, tc.want)
			}
		}
	}
}

func TestGRPCIsTrailersOnly(t *testing.T) {
	t.Parallel()
	p := newPages()
	for kind, want := range map[Kind]string{
		BadRequest: "3", GatewayTimeout: "4", Denied: "7", DeviceNotAllowed: "7", TooLarge: "8", NotFound: "12",
		Internal: "13", Unavailable: "14", TooManyRequests: "14", SignInNeeded: "16", CertificateNeeded: "16",
	} {
		a := p.Error(asked[GRPC], Problem{Kind: kind, RequestID: "é\n%"})
		if got := a.Header.Get("Grpc-Status"); got != want {
			t.Errorf("%q: grpc-status %s, want %s", kind, got, want)
		}
		if a.Body != nil {
			t.Errorf("%q: a body of %d bytes", kind, len(a.Body))
		}
		message := a.Header.Get("Grpc-Message")
		plainText, err := url.PathUnescape(message)
		if err != nil || !strings.HasSuffix(plainText, "(request é[U+000A]%)") {
			t.Errorf("%q: grpc-message %q means %q, %v", kind, message, plainText, err)
		}
	}
	if got := p.Error(Request{Accept: "application/grpc"}, Problem{}).Header.Get("Content-Type"); got != "application/grpc" {
		t.Errorf("content type = %q", got)
	}
}

func TestKubernetesStatus(t *testing.T) {
	t.Parallel()
	var got statusObject
	a := newPages().Error(asked[Kubernetes], Problem{Kind: Denied, RequestID: "abc"})
	if err := json.Unmarshal(a.Body, &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "Status" || got.APIVersion != "v1" || got.Status != "Failure" || got.Reason != "Forbidden" || got.Code != 403 || !strings.Contains(got.Message, "abc") {
		t.Errorf("status = %+v", got)
	}
}

func TestACallerMayKnowBetter(t *testing.T) {
	t.Parallel()
	body := string(newPages().Error(asked[HTML], Problem{
		Kind: Denied, Status: 450, Title: "The door is shut", Next: "Knock.", Action: Action{"Knock", "/knock"},
	}).Body)
	for _, want := range []string{"450 ·", "The door is shut</h1>", "Knock.", `href="/knock">Knock</a>`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, problems[Denied].why) {
		t.Error("the page gives the kind's reason for another title")
	}
}

func TestALinkThatLeadsAstrayIsReplaced(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"javascript:alert(1)", "//evil.example", "https://user@evil.example", "/\\evil.example", "/a\tb", "ftp://a", "https:", "mailto:a@b", ""} {
		body := string(newPages().Error(asked[HTML], Problem{Kind: Denied, Action: Action{"Go", u}}).Body)
		if !strings.Contains(body, `href="/.pomerium/">See your session</a>`) {
			t.Errorf("%q was taken for a link", u)
		}
	}
}

func TestSendKeepsOtherHeaders(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	w.Header().Set("Strict-Transport-Security", "max-age=1")
	w.Header().Set("Cache-Control", "public")
	newPages().Error(Request{}, Problem{Kind: NotFound}).Send(w)
	if w.Code != 404 || w.Header().Get("Strict-Transport-Security") == "" || w.Header().Get("Cache-Control") != "no-store" || w.Body.Len() == 0 {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
