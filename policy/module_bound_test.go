package policy

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// doubled is a value that is endless when it is written out.
func doubled(last string) string {
	var b strings.Builder
	b.WriteString("a0 := [input.http.path]\n")
	for i := range 40 {
		fmt.Fprintf(&b, "a%d := [a%d, a%d]\n", i+1, i, i)
	}
	return b.String() + last
}

func TestEvaluationsAreBounded(t *testing.T) {
	many := "n := numbers.range(1, 1000)\n"
	for _, tc := range []struct {
		name, rego string
		want       error // nil: any
	}{
		{"a product of lists", many + "allow if count({[a, b, c] | some a in n; some b in n; some c in n}) > 0", nil},
		{"a product of objects", many + `allow if count([{"a": a, "b": b, "c": [a, b, {"d": a}]} | some a in n; some b in n]) > 0`, errSteps},
		{"a loop that keeps nothing", many + "allow if { some a in n; some b in n; some c in n; a + b + c < 0 }", nil},
		{"functions in functions", chain(20), errSteps},
		{"a text joined", many + `allow if count(concat("", ["0123456789abcdef" | some a in n; some b in n])) > 0`, nil},
		{"a text doubled", texts("concat(\"\", [x%d, x%d])"), errMade},
		{"a text replaced", `x := concat("", [c | some i in numbers.range(1, 4000); c := "a"])` + "\n" + `allow if replace(x, "a", x) != ""`, errMade},
		{"texts replaced", `x := concat("", [c | some i in numbers.range(1, 4000); c := "a"])` + "\n" + `allow if strings.replace_n({"a": x}, x) != ""`, errMade},
		{"a pattern replaced", `x := concat("", [c | some i in numbers.range(1, 4000); c := "a"])` + "\n" + `allow if regex.replace(x, "a", x) != ""`, errMade},
		{"a template", texts("$\"{x%d}{x%d}\""), errMade},
		{"a width", `allow if sprintf("%999999999d", [1]) != ""`, nil},
		{"a width out of the arguments", `allow if sprintf("%*d", [999999999, 1]) != ""`, nil},
		{"a range", `allow if count(numbers.range(1, 1000000000000)) > 0`, errMade},
		{"a number", `allow if to_number("1e400000000") * 2 > 1`, nil},
		{"a number squared", `allow if product([x | some i in numbers.range(1, 9000); x := 1000000007 + i]) > 1`, nil},
		{"a pattern with repetitions", `allow if regex.match("((((a{30}){30}){30}){30})", input.http.path)`, nil},
		{"a value that is endless written out", doubled("allow if json.marshal(a40) != \"\""), errMade},
		{"endless reasons", doubled("allow := [true, a40]"), nil},
		{"an endless object", doubled("allow := [true, [], {\"x\": a40}]"), nil},
		{"an endless argument", arguments(), errMade},
		{"an endless comparison", doubled("b0 := [input.http.path]\n" + strings.NewReplacer("a", "b").Replace(chainOf("a")) + "same(x, y) if x == y\nallow if same(a40, b40)"), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := writtenProgram(t, tc.rego)
			// Which of the bounds stops it must not depend on how busy the machine is.
			p.limit = time.Minute
			if tc.want == nil {
				p.limit = 500 * time.Millisecond
			}
			started := time.Now()
			grown := growth(func() { denied(t, p.Evaluate(t.Context(), Facts{Request: get()})) })
			d := p.Evaluate(t.Context(), Facts{Request: get()})
			if tc.want != nil && !errors.Is(d.Err, tc.want) {
				t.Errorf("Err = %v, want %v", d.Err, tc.want)
			}
			t.Logf("%d MiB, %v, %v", grown>>20, time.Since(started), d.Err)
			if grown > 2*64<<20 {
				t.Errorf("held %d MiB", grown>>20)
			}
		})
	}
}

// growth is the most that the heap and the stacks have grown by during f, as
// far as looking often tells.
func growth(f func()) uint64 {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	most := uint64(0)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return most
		case <-tick.C:
			runtime.ReadMemStats(&now)
			if held := now.HeapInuse + now.StackInuse; held > before.HeapInuse+before.StackInuse {
				most = max(most, held-before.HeapInuse-before.StackInuse)
			}
		}
	}
}

// chain calls each function twice, so that the last is called very often.
func chain(length int) string {
	var b strings.Builder
	b.WriteString("f0(x) := y if y := x + 1\n")
	for i := range length {
		fmt.Fprintf(&b, "f%d(x) := z if { y := f%d(x); z := f%d(y) }\n", i+1, i, i)
	}
	fmt.Fprintf(&b, "allow if f%d(1) > 0\n", length)
	return b.String()
}

func chainOf(name string) string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "%s%d := [%s%d, %s%d]\n", name, i+1, name, i, name, i)
	}
	return b.String()
}

// arguments doubles a value forty times on its way into functions.
func arguments() string {
	text := "f0(x, y) if x == y\n"
	for i := range 40 {
		text += fmt.Sprintf("f%d(x, y) if f%d([x, x], [y, y])\n", i+1, i)
	}
	return text + "allow if f40(input.http.path, input.http.path)\n"
}

// texts doubles a text forty times by a call.
func texts(call string) string {
	var b strings.Builder
	b.WriteString("x0 := input.http.path\n")
	for i := range 40 {
		fmt.Fprintf(&b, "x%d := "+call+"\n", i+1, i, i)
	}
	return b.String() + "allow if x40 != \"\"\n"
}

func TestOrdinaryPoliciesStayWithinTheBounds(t *testing.T) {
	t.Parallel()
	for name, rego := range map[string]string{
		"a long list":     `allow if { some x in numbers.range(1, 5000); x == 4999 }`,
		"a large product": "n := numbers.range(1, 100)\nallow if count([[a, b] | some a in n; some b in n]) == 10000",
		"functions":       chain(9),
		"sprintf":         `allow if sprintf("%05.2f %-10s|%v %d%%", [1.5, "a", {"b": [1]}, 7]) == "01.50 a         |{\"b\": [1]} 7%"`,
		"arithmetic":      `allow if ((12345678901 * 98765432109) % 1000 + round(7.5) - abs(-3)) / 2 > 0`,
		"texts":           `allow if { x := split(lower("A,B"), ","); concat("-", x) == "a-b"; replace("aXb", "X", "-") == x1; regex.replace("a1b2", "[0-9]", "<$0>") == "a<1>b<2>" }` + "\nx1 := \"a-b\"",
		"json":            `allow if json.unmarshal("{\"a\": [1, 2]}").a[1] == 2`,
		"a template":      `allow if $"{input.http.method} it" == "GET it"`,
		"a pattern":       "f(x) := [x, x]\nallow if {\n[a, b] := f(input.http.path)\n[a, c] = [b, 1]\nc == 1\nsome [d, _] in [[1, 2]]\nd == 1\nf(b, [a, _])\n}",
		"walk":            `allow if count([p | walk({"a": {"b": [1, 2]}}, [p, _])]) == 5`,
	} {
		p := writtenProgram(t, rego)
		if d := p.Evaluate(t.Context(), Facts{Request: get()}); d.Outcome != Allow {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
