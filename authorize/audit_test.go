package authorize

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
)

// lastLine returns the last line of the audit, decoded.
func (h *house) lastLine() map[string]any {
	h.t.Helper()
	lines := h.auditLines()
	var fields map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &fields); err != nil {
		h.t.Fatalf("the line is no JSON: %v\n%s", err, lines[len(lines)-1])
	}
	return fields
}

func TestAuditLine(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	digest := h.programs["app"].Digest()
	base := func(change map[string]any) map[string]any {
		line := map[string]any{
			"level": "info", "service": "authorize", "message": "authorize check", "time": "2026-09-01T12:00:00.000Z", "took": 0.0,
			"request-id": "request-1", "check-request-id": "77", "method": "GET", "path": "/x", "host": "app.example", "ip": "192.0.2.7",
			"route-id": "app", "route-checksum": digest, "envoy-route-id": "app", "envoy-route-checksum": "digest",
		}
		for k, v := range change {
			if line[k] = v; v == nil {
				delete(line, k)
			}
		}
		return line
	}
	for _, tc := range []struct {
		name string
		q    question
		want map[string]any
	}{
		{"of somebody let in", question{route: "app", cookie: h.cookie("s-alice", "app.example")}, base(map[string]any{
			"session-id": "s-alice", "user": "alice", "email": "alice@corp.example", "outcome": "allow",
			"allow": true, "allow-why-true": []any{"email-ok"}, "deny": false, "deny-why-false": []any{},
		})},
		{"of nobody", question{route: "app"}, base(map[string]any{
			"outcome": "sign-in", "allow": false, "allow-why-false": []any{"user-unauthenticated"}, "deny": false, "deny-why-false": []any{},
		})},
		{"of a route that is not there", question{route: "gone", host: "app.example"}, base(map[string]any{
			"route-id": nil, "route-checksum": nil, "envoy-route-id": "gone",
			"outcome": "not-found", "allow": false, "allow-why-false": []any{}, "deny": true, "deny-why-true": []any{"route-not-found"},
		})},
		{"of a path of our own", question{host: "app.example", internal: true}, base(map[string]any{
			"route-id": nil, "route-checksum": nil, "envoy-route-id": nil,
			"outcome": "allow", "allow": true, "allow-why-true": []any{"pomerium-route"}, "deny": false, "deny-why-false": []any{},
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.q.path = "/x?secret=1"
			h.ask(tc.q)
			if diff := cmp.Diff(tc.want, h.lastLine()); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuditSaysWhatWentWrong(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	h.records.fault = errors.New("broker is away")
	h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
	line := h.lastLine()
	if line["error"] != "read session: broker is away" || line["outcome"] != "fault" || line["allow"] != false {
		t.Errorf("line %v", line)
	}
}

func TestAuditFieldsAreTheOperatorsChoice(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, func(c *config.Config) {
		c.AuthorizeLogFields = []string{"query", "headers.X-Color", "headers.Cookie", "headers.Authorization", "id-token", "id-token-claims", "headers", "mcp-tool"}
	})
	h.ask(question{route: "app", path: "/?q=1", cookie: h.cookie("s-alice", "app.example"),
		headers: map[string]string{"x-color": "blue", "authorization": "Basic c2VjcmV0", "x-pomerium-authorization": "secret"}})
	line := h.lastLine()
	if line["query"] != "q=1" || line["headers.X-Color"] != "blue" {
		t.Errorf("line lacks what was asked for: %v", line)
	}
	if diff := cmp.Diff(map[string]any{"sub": "alice"}, line["id-token-claims"]); diff != "" {
		t.Errorf("id-token-claims (-want +got):\n%s", diff)
	}
	text := h.audit.String()
	for _, secret := range []string{"c2VjcmV0", "the-id-token", testBinder, "_pomerium="} {
		if strings.Contains(text, secret) {
			t.Errorf("the line holds %q", secret)
		}
	}
	for _, name := range []string{"headers.Cookie", "headers.Authorization", "id-token", "mcp-tool", "path"} {
		if _, ok := line[name]; ok {
			t.Errorf("the line has %q", name)
		}
	}
}

func TestDecisionsAreNotLoggedBelowTheirLevel(t *testing.T) {
	h := newHouse(t, map[string]string{"app": rulePublic}, func(c *config.Config) { c.LogLevel = "warn" })
	h.allowed(question{route: "app"})
	if h.lines.flush(); h.audit.String() != "" {
		t.Errorf("logged %q at level warn", h.audit.String())
	}
}

// TestNobodyWritesTheirOwnLogLine sends line breaks and quotes in everything a
// client sends.
func TestNobodyWritesTheirOwnLogLine(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	evil := "x\"}\n{\"allow\":true,\"x\":\"\u2028\u202e\xff\x7f"
	h.signIn("s-evil", evil, evil)
	before := len(h.auditLines())
	sent := strings.ToValidUTF8(evil, "!") // as Envoy does: a message holds no other text
	h.ask(question{route: "app", path: "/" + sent, cookie: h.cookie("s-evil", "app.example"), headers: map[string]string{"x-request-id": sent}})
	if got := len(h.auditLines()); before == 1 && got != 1 || got > before+1 {
		t.Errorf("one decision wrote %d lines", got)
	}
	line := h.lastLine()
	if line["allow"] != false || line["email"] != "x\"}\n{\"allow\":true,\"x\":\"\u2028\u202e\ufffd\x7f" {
		t.Errorf("line %v", line)
	}
	if strings.ContainsAny(h.audit.String(), "\u2028\u202e\x7f") || strings.Contains(h.audit.String(), "\xff") {
		t.Error("the line holds characters that viewers take for line breaks or let turn the text around")
	}
}

func FuzzAppendText(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\\n\x00\x1f\x7f", "\xff\xc3", "\u2028é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := appendText(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q became %s: %v", s, text, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); len([]rune(got)) < len([]rune(want)) || !strings.Contains(s, "\xff") && validText(s) && got != s {
			t.Errorf("%q came back as %q", s, got)
		}
		if bytes.ContainsAny(text, "\n\r\x00\x7f") {
			t.Errorf("%q became %q", s, text)
		}
	})
}

func validText(s string) bool { return strings.ToValidUTF8(s, "") == s }

func TestLinesAreWrittenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &syncBuffer{}
		l := newLines(out)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { l.run(ctx); close(done) }()
		l.add([]byte("one\n"))
		time.Sleep(2 * flushEvery)
		if got := out.String(); got != "one\n" {
			t.Errorf("after two ticks: %q", got)
		}
		l.add([]byte("two\n"))
		cancel()
		<-done
		l.add([]byte("three\n"))
		if got := out.String(); got != "one\ntwo\nthree\n" {
			t.Errorf("at the end: %q", got)
		}
	})
}

// A stuck writer takes nothing until it is let go.
type stuck struct {
	syncBuffer
	gate chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.gate
	return s.syncBuffer.Write(p)
}

func TestReaderThatDoesNotReadStopsNobody(t *testing.T) {
	out := &stuck{gate: make(chan struct{})}
	l := newLines(out)
	line := append(bytes.Repeat([]byte("x"), 1<<20-1), '\n')
	for range pendingMax>>20 + 3 {
		l.add(line)
	}
	close(out.gate)
	l.flush()
	if got := out.String(); strings.Count(got, "\n") != pendingMax>>20+1 || !strings.Contains(got, `"lost":3`) {
		t.Errorf("%d lines, want %d and one that says what was lost", strings.Count(got, "\n"), pendingMax>>20+1)
	}
}

func TestLinesAreWholeUnderLoad(t *testing.T) {
	out := &syncBuffer{}
	l := newLines(out)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			line := append(bytes.Repeat([]byte{byte('a' + i)}, 1000), '\n')
			for range 500 {
				l.add(line)
				if i == 0 {
					l.flush()
				}
			}
		})
	}
	all.Wait()
	l.flush()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4000 {
		t.Errorf("%d lines, want 4000", len(lines))
	}
	for _, line := range lines {
		if strings.Count(line, line[:1]) != 1000 {
			t.Fatalf("a line is torn: %q", line)
		}
	}
}
