package policy

import (
	"strings"
	"testing"
	"unsafe"
)

// A remembered decision must not keep the request it was made from.
func TestReasonsAreNoPartOfTheRequest(t *testing.T) {
	t.Parallel()
	m, err := ParseRego("echo.rego", `allow := [true, [input.http.path]]`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(Compiler).Compile(t.Context(), Source{Policies: []*Policy{{Name: "echo", Rego: []*Module{m}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := get()
	r.Path = strings.Clone("/path")
	d := p.Decide(t.Context(), Facts{Request: r})
	if len(d.AllowReasons) != 1 || d.AllowReasons[0] != r.Path {
		t.Fatalf("decided %+v", d)
	}
	if unsafe.StringData(d.AllowReasons[0]) == unsafe.StringData(r.Path) {
		t.Error("the reason is a part of the request")
	}
}
