package authorize

import (
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
)

// Also who reads the path as it was sent decides by it: it must have one meaning.
func TestAPathWithParametersIsMalformedWhereRegoReadsIt(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"path", "raw_path", "url"} {
		h := newHouse(t, map[string]string{"app": "allow: {or: [{accept: }]}"}, func(c *config.Config) {
			m, err := policy.ParseRego("path.rego", `deny if { contains(input.http.`+path+`, "/admin/") }`)
			if err != nil {
				t.Fatal(err)
			}
			c.Routes[0].Policy.Policies = []*policy.Policy{{Name: "path", Rego: []*policy.Module{m}}}
		})
		if got := h.ask(question{route: "app", path: "/open"}); !got.allowed {
			t.Errorf("%s: /open answered %+v", path, got)
		}
		if got := h.ask(question{route: "app", path: "/admin;x/secret"}); got.allowed {
			t.Errorf("%s: a path of two meanings is let through", path)
		}
	}
}
