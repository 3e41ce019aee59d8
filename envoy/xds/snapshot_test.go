package xds

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// changed names the resources whose versions differ, sorted.
func changed(before, after *Snapshot) []string {
	versions := make(map[string]string)
	for typeURL, list := range before.Resources() {
		for _, r := range list {
			versions[typeURL+r.Name] = r.Version
		}
	}
	var names []string
	for typeURL, list := range after.Resources() {
		for _, r := range list {
			if versions[typeURL+r.Name] != r.Version {
				names = append(names, r.Name)
			}
			delete(versions, typeURL+r.Name)
		}
	}
	for gone := range versions {
		names = append(names, "-"+gone[len(gone)-min(len(gone), 40):])
	}
	slices.Sort(names)
	return names
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
set_response_headers: {A: 1, B: 2, C: 3, D: 4, E: 5}
jwt_claims_headers: {X-A: a, X-B: b, X-C: c, X-D: d}
access_log_fields: [query, client-certificate, headers.X-A]
routes:
- {from: https://a.example.com, to: ["http://127.0.0.1:1,1", "http://127.0.0.1:2,2"], set_request_headers: {A: 1, B: 2, C: 3}, allow_any_authenticated_user: true}
- {from: "https://*.example.com", to: "https://127.0.0.1:1", allow_websockets: true, allow_spdy: true, allow_any_authenticated_user: true}
`)
	in := inputOf(c, newAuthority(t).issue(t, "*.example.com"))
	in.ErrorPages = testPages
	first, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := changed(first, again); len(got) > 0 {
			t.Fatalf("the same input changed %v", got)
		}
	}
}

func TestAChangeTouchesOnlyWhatItIsAbout(t *testing.T) {
	t.Parallel()
	one := `
routes:
- {from: https://a.example.com, to: http://127.0.0.1:1, allow_any_authenticated_user: true}
- {from: https://b.example.com, to: http://127.0.0.1:2, allow_any_authenticated_user: true}
`
	certificate := newAuthority(t).issue(t, "*.example.com")
	first := inputOf(load(t, base+one), certificate)
	before, err := Build(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		input func() Input
		want  int // resources that change, besides the table of routes
	}{
		{"a new route", func() Input {
			return inputOf(load(t, base+one+"- {from: https://c.example.com, to: http://127.0.0.1:3, allow_any_authenticated_user: true}\n"), certificate)
		}, 1},
		{"another policy", func() Input {
			in := inputOf(first.Config, certificate)
			in.PolicyDigests[first.Config.Routes[0].ID] = "another"
			return in
		}, 0},
		{"a route whose upstream takes longer", func() Input {
			return inputOf(load(t, base+strings.Replace(one, "a.example.com,", "a.example.com, timeout: 1m,", 1)), certificate)
		}, 0},
		{"a route whose requests are held from now on", func() Input {
			return inputOf(load(t, base+strings.Replace(one, "a.example.com,", "a.example.com, timeout: 0s,", 1)), certificate)
		}, 0},
		{"a setting of all upstreams", func() Input {
			return inputOf(load(t, base+"circuit_breaker_thresholds: {max_requests: 5}"+one), certificate)
		}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			after, err := Build(tc.input())
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(changed(before, after), func(name string) bool { return name == routesName })
			if len(got) != tc.want || slices.Contains(got, mainTLS) {
				t.Errorf("changed %v", got)
			}
		})
	}
}

func TestAChangeElsewhereEndsNoStream(t *testing.T) {
	t.Parallel()
	routes := `
routes:
- {from: "tcp+https://tcp.example.com:22", to: tcp://` + tcpEcho(t) + `, allow_any_authenticated_user: true}
`
	ca := newAuthority(t)
	h := open(t, inputOf(load(t, base+routes), ca.issue(t, "*.example.com")))
	conn, err := h.dialer("tcp.example.com", "http/1.1")(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := converse(t, conn, "tcp.example.com:22"); got != "200 hello ping" {
		t.Fatalf("got %q", got)
	}
	// A new route and a renewed certificate.
	next := load(t, base+routes+"- {from: https://new.example.com, to: http://"+upstream(t, "new")+", allow_any_authenticated_user: true}\n")
	h.apply(h.complete(inputOf(next, ca.issue(t, "*.example.com"))))
	h.ads.waitFor(t, h.output, "the new route", func(taken map[string]bool) bool { return taken[routeType] && taken[clusterType] })
	for began := time.Now(); h.get(t, false, "GET", "https://new.example.com/", nil).status != 200; {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the new route does not answer")
		}
	}
	if _, err := io.WriteString(conn, "still there\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != "still there\n" || err != nil {
		t.Errorf("the tunnel says %q (%v)", got, err)
	}
}

func TestBuildSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	good := load(t, base+"routes: [{from: https://a.example.com, to: https://127.0.0.1:1, allow_any_authenticated_user: true}]\n")
	certificate := newAuthority(t).issue(t, "*.example.com")
	for _, tc := range []struct {
		name   string
		change func(*Input)
		want   []string
	}{
		{"no certificate", func(in *Input) { in.Certificates = nil }, []string{"no certificate"}},
		{"no sockets", func(in *Input) { in.Sockets = Sockets{} }, []string{"no sockets"}},
		{"no policy, no trust, no name for a cookie", func(in *Input) {
			in.PolicyDigests, in.SystemCA = nil, ""
			c := *in.Config
			c.CookieName = `x"`
			in.Config = &c
		}, []string{"no policy", "trusted certificates", "cookie_name"}},
		{"an address that is none", func(in *Input) {
			c := *in.Config
			c.Address = "example.com:443"
			in.Config = &c
		}, []string{"address"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(good, certificate)
			tc.change(&in)
			s, err := Build(in)
			if err == nil || s != nil {
				t.Fatalf("built %v", s)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not speak of %q", err, want)
				}
			}
		})
	}
}
