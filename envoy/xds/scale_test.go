package xds

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cardea-proxy/cardea/config"
)

// many is a configuration with n hosts of one route each.
func many(t testing.TB, n int, upstream string) *config.Config {
	t.Helper()
	var routes strings.Builder
	routes.WriteString(base + "routes:\n")
	for i := range n {
		fmt.Fprintf(&routes, "- {from: https://app-%d.example.com, to: http://%s, allow_any_authenticated_user: true}\n", i, upstream)
	}
	return load(t, routes.String())
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint(n, " routes"), func(b *testing.B) {
			in := inputOf(many(b, n, "127.0.0.1:1"), newAuthority(b).issue(b, "*.example.com"))
			size := 0
			for b.Loop() {
				s, err := Build(in)
				if err != nil {
					b.Fatal(err)
				}
				size = proto.Size(s.RouteConfigurations[0].Message)
			}
			b.ReportMetric(float64(size)/float64(n), "B/route")
		})
	}
}

func TestAThousandRoutes(t *testing.T) {
	t.Parallel()
	app := upstream(t, "app")
	c := many(t, 1000, app)
	certificate := newAuthority(t).issue(t, "*.example.com")
	began := time.Now()
	h := open(t, inputOf(c, certificate))
	t.Logf("envoy up with a thousand routes after %v", time.Since(began))
	for _, host := range []string{"app-0", "app-999"} {
		if got := h.get(t, true, "GET", "https://"+host+".example.com/", http.Header{}); got.status != 200 {
			t.Errorf("%s: got %d", host, got.status)
		}
	}
	changed := many(t, 1001, app)
	began = time.Now()
	h.apply(h.complete(inputOf(changed, certificate)))
	h.ads.waitFor(t, h.output, "route configuration", func(taken map[string]bool) bool { return taken[routeType] && taken[clusterType] })
	for got := 0; got != 200; got = h.get(t, true, "GET", "https://app-1000.example.com/", http.Header{}).status {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the new route does not answer")
		}
	}
	t.Logf("one route more after %v", time.Since(began))
}
