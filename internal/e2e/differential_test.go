package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// settingsForDifferences make the decision's line tell everything that a policy
// can read of a request, and forbid one word in a path.
func settingsForDifferences(upstream string) string {
	return `
authorize_log_fields: [request-id, method, path, query, host, headers.x-probe]
routes:
  - from: https://*.localhost
    to: http://` + upstream + `
    preserve_host_header: true
    policy: [{allow: {and: [{accept: true}]}, deny: {or: [{http_path: {contains: forbidden}}]}}]
`
}

// differences is the instance that generated requests are sent to.
var differences struct {
	sync.Once
	in *instance
	up *upstream
}

func useDifferences(t testing.TB) *instance {
	t.Helper()
	differences.Do(func() {
		root := newAuthority(t, "root")
		pair := root.server(t, "*.localhost")
		up := newUpstream("plain", nil)
		in := install(t, "certificate: "+base64Of(pair.certPEM())+"\ncertificate_key: "+base64Of(pair.keyPEM(t))+
			"\nauthenticate_service_url: https://authenticate.localhost:$PORT\n"+settingsForDifferences(up.address()))
		in.roots = root.pool()
		in.start(t)
		differences.in, differences.up = in, up
	})
	if differences.in == nil {
		t.Fatal("the instance did not start")
	}
	return differences.in
}

func stopDifferences() {
	if differences.in != nil {
		differences.in.remove()
		differences.up.server.CloseClientConnections()
		differences.up.server.Close()
	}
}

// A probe is one generated request.
type probe struct{ method, target, host, value string }

func (p probe) String() string {
	return fmt.Sprintf("%q %q Host: %q X-Probe: %q", p.method, p.target, p.host, p.value)
}

// check sends p in both versions of HTTP. Where an upstream gets it, the policy
// must have seen the same, and the forbidden word in no form of the path.
func (in *instance) check(t testing.TB, p probe) {
	t.Helper()
	mark := in.logs.mark()
	answers := []answer{in.raw2(t, "x.localhost", ":method", p.method, ":scheme", "https", ":authority", p.host, ":path", p.target, "x-probe", p.value)}
	if !strings.ContainsAny(p.method+p.target+p.host+p.value, "\r\n") { // else it is another request
		answers = append(answers, in.raw(t, "x.localhost", request(p.method+" "+p.target+" HTTP/1.1", p.host, "X-Probe: "+p.value)))
	}
	for _, a := range answers {
		if a.status != http.StatusOK || !strings.Contains(a.body, `"upstream"`) {
			continue
		}
		seen := a.seen(t)
		line := in.logs.awaitLog(t, mark, in.ended, "service", "authorize", "request-id", seen.Header.Get("X-Request-Id"))
		path, query, _ := strings.Cut(seen.Target, "?")
		for _, c := range []struct{ what, policy, upstream string }{
			{"method", line.text("method"), seen.Method}, {"path", line.text("path"), path}, {"query", line.text("query"), query},
			{"host", line.text("host"), seen.Host}, {"X-Probe", line.text("headers.x-probe"), strings.Join(seen.Header.Values("X-Probe"), ",")},
		} {
			if c.what == "query" && c.policy == "[redacted]" {
				continue // it may hold a handle; the line keeps that to itself
			}
			if withoutLoss(c.policy) != withoutLoss(c.upstream) {
				t.Errorf("%s over %s: of the %s, the policy saw %q and the upstream got %q", p, a.proto, c.what, c.policy, c.upstream)
			}
		}
		if decoded, err := url.PathUnescape(path); err != nil || strings.Contains(decoded, "forbidden") {
			t.Errorf("%s over %s: the upstream got %q (%v)", p, a.proto, path, err)
		}
	}
}

// withoutLoss is text without what is lost on the ways to us: blanks around a
// header's value are none of it (RFC 9110, section 5.5), and neither protobuf
// nor JSON can hold bytes that are not UTF-8.
func withoutLoss(text string) string {
	return strings.ReplaceAll(strings.Trim(text, " \t"), "\ufffd", "!")
}

// pieces are what generated requests are made of.
var (
	pathPieces  = []string{"/", "a", "forbidden", "%66orbidden", "f%6Frbidden", "FORBIDDEN", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", `\`, ";", ";x=1", "%3b", "%", "%2", "%zz", "%00", "%25", "%252e", "//", "~", "%7e", "%C3%A9", "\u00e9", "%ff", "\xff", "+", "%20", " ", "#", "%23", "?", "%3f", "&", "=", ":", "@", "*", "'", "\"", "<", "|", "^", "`", "{", "[", "!", "\t", "%0a", "%0d"}
	queryPieces = []string{"a=b", "&", "=", ";", "?", "/", "%26", "%", "+", "%20", "#", "..", "a=b&a=c", "pomerium_sessionx=1", "\u00e9", "\xff", "\"", "\\", "<", "forbidden", "{}", "%00"}
	hostPieces  = []string{"x.localhost", "X.LocalHost", "y.localhost:443", "z.localhost:1", "x.localhost.", "a_b.localhost", "x..localhost", "xn--a.localhost", "-.localhost", "localhost", "x.localhost:", "x.localhost:0443"}
	valuePieces = []string{"v", " ", "\t", ",", ";", "\"", "\\", "=", "\u00e9", "\xff", "%0a", "\x01", "\x7f", ":", "(", "{\"a\":1}"}
	methods     = []string{"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get", "G-E.T", "TRACE"}
)

func generate(r *rand.Rand) probe {
	some := func(pieces []string, most int) string {
		var b strings.Builder
		for range r.IntN(most + 1) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	p := probe{method: methods[r.IntN(len(methods))], target: "/" + some(pathPieces, 7), host: hostPieces[r.IntN(len(hostPieces))], value: some(valuePieces, 3)}
	if r.IntN(3) > 0 {
		p.method, p.host = "GET", "x.localhost"
	}
	if r.IntN(2) > 0 {
		p.target += "?" + some(queryPieces, 5)
	}
	return p
}

// TestThePolicySawWhatTheUpstreamGot sends random requests; a failure names the
// request, so that its seed does not matter.
func TestThePolicySawWhatTheUpstreamGot(t *testing.T) {
	in := useDifferences(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	const each, workers = 24, 12
	for worker := range uint64(workers) {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel() // most of the time is Envoy's, closing bad connections
			r := rand.New(rand.NewPCG(seed, worker))
			for range each {
				if in.check(t, generate(r)); t.Failed() {
					return
				}
			}
		})
	}
}

// FuzzThePolicySawWhatTheUpstreamGot looks for more. It fuzzes the seed and not
// the request: what a fuzzer learns of our code says nothing about Envoy's, and
// random bytes are hardly ever a request.
func FuzzThePolicySawWhatTheUpstreamGot(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		useDifferences(t).check(t, generate(r))
	})
}

// TestAHandleInAQueryIsNotLogged where the operator asked for queries.
func TestAHandleInAQueryIsNotLogged(t *testing.T) {
	in := useDifferences(t)
	mark := in.logs.mark()
	seen := in.client(t, clientOptions{}).get(t, in.at("x.localhost/?a=1&pomerium_session=secrethandle")).seen(t)
	in.logs.awaitLog(t, mark, in.ended, "service", "authorize", "request-id", seen.Header.Get("X-Request-Id"))
	if strings.Contains(in.logs.text(), "secrethandle") {
		t.Error("the log has it")
	}
}
