package authorize

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
)

// A shadow that takes all the time there is must not take the request's: it is
// stopped long before an enforcing policy would be.
func TestASlowShadowIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {or: [{accept: }]}"}, func(c *config.Config) {
		m, err := policy.ParseRego("slow.rego", `deny if { some i in numbers.range(1, 1000); regex.match(sprintf("(a|aa)+%d$", [i]), input.http.headers["X-Big"]) }`)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"one", "two", "three"} {
			c.Routes[0].Policy.Policies = append(c.Routes[0].Policy.Policies, &policy.Policy{Name: name, Shadow: true, Rego: []*policy.Module{m}})
		}
	})
	start := time.Now()
	got := h.ask(question{route: "app", path: "/", headers: map[string]string{"x-big": strings.Repeat("a", 60<<10)}})
	if !got.allowed {
		t.Errorf("answered %+v", got)
	}
	t.Logf("took %v", time.Since(start))
	for _, c := range h.ShadowCounts() {
		if c.Would != "error" {
			t.Errorf("%s came to %s", c.Policy, c.Would)
		}
	}
	if n := len(h.ShadowCounts()); n != 3 {
		t.Errorf("%d shadows gave up, want 3", n)
	}
}
