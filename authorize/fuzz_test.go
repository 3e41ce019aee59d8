package authorize

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// FuzzCheck sends what a stranger can send. Without Alice's ticket nobody gets
// into her route, whatever else the request says; every answer is one, and each
// refusal is marked as ours.
func FuzzCheck(f *testing.F) {
	h := newHouse(f, map[string]string{"app": ruleAlice}, nil)
	real := h.cookie("s-alice", "app.example")
	f.Add("GET", "app.example", "/", "", "", "", "text/html", "navigate", "192.0.2.1", "", false)
	f.Add("POST", "APP.example.:443", "/a?pomerium_session=x", "_pomerium=x; __Host-_pomerium_binder=y", "Pomerium x", "x", "*/*", "", "::1", "%2D", false)
	f.Add("CONNECT", "[::1]:22", "", "_pomerium=\"\"", "Bearer Pomerium-", "", "application/grpc", "websocket", "", "", true)
	f.Add("OPTIONS", "x@y", "*", strings.Repeat("_pomerium=a;", 50), "bearer x", "", "", "cors", "fe80::1%eth0", "", false)
	f.Add("GET", "app.example", "/%00/..;/\\", ";=;;_pomerium", "", "", "", "", "999", "", false)
	f.Fuzz(func(t *testing.T, method, host, path, cookie, authorization, handle, accept, mode, ip, leaf string, internal bool) {
		if strings.Contains(cookie+path+authorization+handle, real[10:40]) {
			t.Skip("it holds the ticket")
		}
		q := question{
			route: "app", method: method, host: host, path: path, cookie: cookie, ip: ip, leaf: leaf, internal: internal,
			headers: map[string]string{"authorization": authorization, "x-pomerium-authorization": handle, "accept": accept, "sec-fetch-mode": mode},
		}
		h.t = t
		got := h.ask(q)
		if got.allowed && !internal {
			t.Errorf("%+v is let in", q)
		}
		if got.allowed && len(got.headers) > 0 {
			t.Errorf("%+v is told %v", q, got.headers)
		}
		if !got.allowed && (got.headers[headerIntercepted] != "true" || got.status < 200 || got.status > 599) {
			t.Errorf("%+v is refused with %d and %v", q, got.status, got.headers)
		}
		for name, value := range got.headers {
			if strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("%+v: header %s = %q", q, name, value)
			}
		}
	})
}

// FuzzCheckMessage sends whole messages, as a broken Envoy would.
func FuzzCheckMessage(f *testing.F) {
	h := newHouse(f, map[string]string{"app": ruleAlice}, nil)
	for _, q := range []question{{}, {route: "app"}, {route: "app", leaf: "x", internal: true}} {
		wire, err := proto.Marshal(q.check())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		var in authv3.CheckRequest
		if proto.Unmarshal(wire, &in) != nil {
			t.Skip("no message")
		}
		out, err := h.Check(t.Context(), &in)
		if err != nil || out == nil {
			t.Fatalf("Check = %v, %v", out, err)
		}
		if in.GetAttributes().GetContextExtensions()[extensionInternal] != "true" && out.GetDeniedResponse() == nil {
			t.Errorf("%v is let in", &in)
		}
		if _, err := proto.Marshal(out); err != nil {
			t.Errorf("the answer cannot be sent: %v", err)
		}
	})
}

func TestBrokenPartIsA503(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	h.sessions = nil // the next call of it panics
	got := h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
	if got.allowed || got.status != 503 {
		t.Errorf("allowed %v with %d, want 503", got.allowed, got.status)
	}
	if !strings.Contains(got.body, "request-1") {
		t.Errorf("no page with the request's id: %q", got.body)
	}
	h.pages = nil // and now the page breaks too
	if again := h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")}); again.allowed || again.status != 503 {
		t.Errorf("without pages: allowed %v with %d, want 503", again.allowed, again.status)
	}
	if !strings.Contains(h.log.String(), "authorize check broke") {
		t.Error("nobody is told")
	}
	if line := h.lastLine(); line["allow"] != false || line["deny-why-true"].([]any)[0] != reasonPanic {
		t.Errorf("line %v", line)
	}
}

func TestMinterThatFailsLetsNobodyThrough(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	h.records.sessions["s-alice"].Claims["x"] = unmarshalable{}
	h.config.JWTClaimsHeaders = map[string]string{"x-x": "x"}
	h.apply()
	got := h.allowed(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
	if got.headers["x-x"] != "" {
		t.Errorf("x-x = %q of a claim that has no text", got.headers["x-x"])
	}
}

type unmarshalable struct{}

func (unmarshalable) MarshalJSON() ([]byte, error) { return nil, errors.New("no") }
