package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// fromRego is a program of Rego that we would never write.
func fromRego(t *testing.T, text string) *Program {
	t.Helper()
	s, err := newShape("package pomerium.policy\n" + text)
	if err != nil {
		t.Fatal(err)
	}
	return &Program{shape: s, limit: maxEvaluation, memory: &memory{}}
}

func denied(t *testing.T, d Decision) {
	t.Helper()
	if d.Outcome != Deny || d.Err == nil || d.Allow || d.Reusable {
		t.Errorf("Decide = %+v, want a denial with its error, not to be remembered", d)
	}
}

func TestWhatIsBrokenIsADenial(t *testing.T) {
	t.Parallel()
	const noDeny, anyAllow = "deny := [false, set()]\n", "allow := [true, {\"accept\"}]\n"
	for _, tc := range []struct{ name, rego string }{
		{"allow is undefined", noDeny + "allow := [true, {\"accept\"}] if input.nothing"},
		{"deny is undefined", anyAllow + "deny := [false, {\"reject\"}] if input.nothing"},
		{"allow is no array", noDeny + "allow := true"},
		{"allow is an array of one", noDeny + "allow := [true]"},
		{"allow is an array of three", noDeny + "allow := [true, {\"accept\"}, {}]"},
		{"the truth is text", noDeny + "allow := [\"true\", {\"accept\"}]"},
		{"the reasons are a list", noDeny + "allow := [true, [\"accept\"]]"},
		{"a reason is a number", noDeny + "allow := [true, {1}]"},
		{"deny is text", anyAllow + "deny := \"no\""},
		{"two values at once", noDeny + "allow := [true, {\"accept\"}]\nallow := [false, {\"reject\"}] if input.http == input.http\nallow := [false, set()] if not input.http"},
		{"a function that fails", noDeny + "allow := [true, {\"accept\"}] if not net.cidr_contains(\"no network\", \"10.0.0.1\")"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := fromRego(t, tc.rego)
			denied(t, p.Decide(t.Context(), Facts{Request: get()}))
			denied(t, p.Decide(t.Context(), Facts{Request: get()}))
		})
	}
}

// slow is a program that would not end in a year.
const slow = `
deny := [false, set()]
n := {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
allow := [true, {"accept"}] if {
	some a in n; some b in n; some c in n; some d in n; some e in n; some f in n; some g in n; some h in n
	some i in n; some j in n; some k in n; some l in n; some m in n; some o in n; some p in n; some q in n
	startswith(q, "never")
} else := [true, {"accept"}]
`

func TestWhatIsLateIsADenial(t *testing.T) {
	t.Parallel()
	t.Run("by our limit", func(t *testing.T) {
		t.Parallel()
		p := fromRego(t, slow)
		p.limit = 5 * time.Millisecond
		denied(t, p.Decide(t.Context(), Facts{Request: get()}))
	})
	t.Run("by the deadline of the request", func(t *testing.T) {
		t.Parallel()
		p := fromRego(t, slow)
		p.limit = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		denied(t, p.Decide(ctx, Facts{Request: get()}))
	})
	t.Run("a request that is gone is not decided", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := program(t, "allow: {or: [{accept: }]}").Decide(ctx, Facts{Request: get()})
		denied(t, d)
		if !errors.Is(d.Err, context.Canceled) {
			t.Errorf("Err = %v", d.Err)
		}
	})
	t.Run("nor one whose time is over", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		d := program(t, "allow: {or: [{accept: }]}").Decide(ctx, Facts{Request: get()})
		denied(t, d)
	})
	t.Run("nothing is compiled for who has left", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Compile(ctx, Source{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Compile: %v", err)
		}
	})
}

func TestAPanicIsADenial(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{cors_preflight: }]}")
	f := Facts{Request: get()}
	f.Request.Header = headers(map[string]string{})
	p.shape = &shape{ast.NewCompiler(), p.shape.query} // which does not know the rules asked for
	denied(t, p.Evaluate(t.Context(), f))
	p.shape = nil
	denied(t, p.Evaluate(t.Context(), f))
}
