package xds

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	in := inputOf(load(t, base+crossroads), newAuthority(t).issue(t, "*.example.com", "paths.example.com"))
	m := matcherOf(t, in)
	route := func(i int, path string) Match { return Match{Found: true, RouteID: in.Config.Routes[i].ID, Path: path} }
	ours := func(path string) Match { return Match{Found: true, Internal: true, Path: path} }
	own := func(status int, path, why string) Match {
		return Match{Status: status, Path: path, Answer: fmt.Sprintf("Envoy answers %d itself: %s.", status, why)}
	}
	nobody := "no route takes the request"
	for _, tc := range []struct {
		name, host, path, server string
		want                     Match
	}{
		{"one path", "paths.example.com", "/exact?x", "", route(0, "/exact?x")},
		{"a path in other letters", "paths.example.com", "/Exact", "", own(404, "/Exact", nobody)},
		{"an expression fits the whole path", "paths.example.com", "/rab", "", route(1, "/rab")},
		{"part of it is not enough", "paths.example.com", "/rabc", "", own(404, "/rabc", nobody)},
		{"a query is no path", "paths.example.com", "/?/rab", "", own(404, "/?/rab", nobody)},
		{"an expression with an open quote", "paths.example.com", "/q.txt", "", route(2, "/q.txt")},
		{"the first that fits", "paths.example.com", "/a/b", "", route(3, "/a/b")},
		{"an escape that needs none", "paths.example.com", "/%61/%2e%2E/a/c", "", route(4, "/a/c")},
		{"dots with parameters", "paths.example.com", "/x/..;y/a", "", route(4, "/a")},
		{"a redirect", "paths.example.com", "/;", "", route(5, "/;")},
		{"a rewrite that would lead astray", "rewrite.example.com", "/a..%3b", "", own(400, "/a..%3b", "the route's rewrite would make a path that leads elsewhere")},
		{"a wildcard", "X.example.com.:77", "/a", "", route(8, "/a")},
		{"the first wildcard in the file", "x.deep.example.com", "/a", "", route(8, "/a")},
		{"the longest for what it leaves", "x.deep.example.com", "/b", "", route(9, "/b")},
		{"a star in the middle", "in-1.example.com", "/", "", route(10, "/")},
		{"one port", "port.example.com:8443", "/", "", route(11, "/")},
		{"another port", "port.example.com:9443", "/", "", route(12, "/")},
		{"a third port", "port.example.com", "/", "", own(404, "/", nobody)},
		{"an address", "[2001:db8::1]:443", "/", "", route(13, "/")},
		{"a path of ours", "paths.example.com", "/.pomerium/x?y", "", ours("/.pomerium/x?y")},
		{"a path of ours in disguise", "paths.example.com", "/a/..//%2epomerium", "", ours("/.pomerium")},
		{"the sign-in host", "login.example.com", "/any", "", ours("/any")},
		{"an unknown host", "nowhere.example", "/", "", own(404, "/", nobody)},
		{"the health of the machine", "nowhere.example", "/ping", "", own(200, "/ping", "it says that it is there")},
		{"an escaped slash", "paths.example.com", "/a%2Fb", "", own(400, "/a%2Fb", "the path holds an escaped slash or backslash, which path_with_escaped_slashes_action refuses")},
		{"a fragment", "paths.example.com", "/a#b", "", own(400, "/a#b", "the path holds a #, which no request may")},
		{"an escaped NUL", "paths.example.com", "/a%00", "", own(400, "/a%00", "the path holds an escaped NUL")},
		{"a connection for another host", "other.example", "/", "paths.example.com", own(421, "/", "the host is not one that the connection's server name stands for")},
		{"a connection by the name that the route allows", "other.example", "/", "Balancer.internal", route(14, "/")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := m.Match(MatchRequest{Method: "GET", Host: tc.host, Path: tc.path, ServerName: tc.server})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	sent := MatchRequest{Method: "GET", Host: "in-1.example.com", Path: "/a/%2e%2e;x"}
	told := MatchRequest{Method: "GET", Host: "in-1.example.com", Path: "/a/..;x", Normalised: true}
	for _, r := range []MatchRequest{sent, told} {
		if got, err := m.Match(r); got != route(8, "/a/..;x") || err != nil {
			t.Errorf("%+v: got %+v, %v", r, got, err)
		}
	}
	for target, want := range map[string]Match{
		"TCP.example.com:22":  route(15, ""),
		"db.internal:5432":    route(16, ""),
		"cache.internal:2222": route(17, ""),
		"tcp.example.com:23":  own(404, "", nobody),
	} {
		got, err := m.Match(MatchRequest{Method: "CONNECT", Host: target})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("CONNECT %s: %v (-want +got):\n%s", target, err, diff)
		}
	}
}

func TestMatchWithoutTLS(t *testing.T) {
	t.Parallel()
	in := inputOf(load(t, base+"insecure_server: true"+crossroads))
	got, err := matcherOf(t, in).Match(MatchRequest{Method: "GET", Host: "other.example", Path: "/", ServerName: "paths.example.com"})
	if diff := cmp.Diff(Match{Found: true, RouteID: in.Config.Routes[14].ID, Path: "/"}, got); diff != "" || err != nil {
		t.Errorf("%v: a server name counts where there is no handshake (-want +got):\n%s", err, diff)
	}
}

func TestMatchCannotTell(t *testing.T) {
	t.Parallel()
	m := matcherOf(t, inputOf(load(t, base+crossroads), newAuthority(t).issue(t, "*.example.com")))
	for _, tc := range []struct {
		name string
		r    MatchRequest
		want string // part of the error
	}{
		{"a method of HTTP/2 alone", MatchRequest{Method: "FOO", Host: "a.example.com", Path: "/"}, "method"},
		{"no host", MatchRequest{Method: "GET", Path: "/"}, "host"},
		{"a host with a name before it", MatchRequest{Method: "GET", Host: "a@b.example.com", Path: "/"}, "host"},
		{"a host that is not ASCII", MatchRequest{Method: "GET", Host: "ä.example.com", Path: "/"}, "host"},
		{"no path", MatchRequest{Method: "GET", Host: "a.example.com"}, "begin with a slash"},
		{"a whole URL", MatchRequest{Method: "GET", Host: "a.example.com", Path: "https://a.example.com/"}, "begin with a slash"},
		{"bytes that are no text", MatchRequest{Method: "GET", Host: "a.example.com", Path: "/\xff"}, "escaped"},
		{"a space", MatchRequest{Method: "GET", Host: "a.example.com", Path: "/a b"}, "escaped"},
		{"an escape in an escape", MatchRequest{Method: "GET", Host: "a.example.com", Path: "/%%341"}, "broken"},
		{"a path of a tunnel", MatchRequest{Method: "CONNECT", Host: "a.example.com:22", Path: "/"}, "CONNECT"},
		{"a tunnel to no port", MatchRequest{Method: "CONNECT", Host: "a.example.com"}, "CONNECT"},
		{"a huge path", MatchRequest{Method: "GET", Host: "a.example.com", Path: "/" + strings.Repeat("a", 1<<17)}, "bytes"},
		{"a server name that is none", MatchRequest{Method: "GET", Host: "a.example.com", Path: "/", ServerName: "a_b"}, "server name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := m.Match(tc.r)
			if !errors.Is(err, ErrCannotTell) || !strings.Contains(err.Error(), tc.want) || got != (Match{}) {
				t.Errorf("got %+v, %v; want an error about %q", got, err, tc.want)
			}
		})
	}
}

// TestMatcherRefusesWhatItDoesNotRead changes a snapshot into one that Envoy
// might take and the matcher does not know.
func TestMatcherRefusesWhatItDoesNotRead(t *testing.T) {
	t.Parallel()
	in := inputOf(load(t, base+crossroads), newAuthority(t).issue(t, "*.example.com"))
	for _, tc := range []struct {
		name   string
		change func(*hcmv3.HttpConnectionManager, *routev3.RouteConfiguration)
	}{
		{"ports stripped", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) {
			m.StripPortMode = &hcmv3.HttpConnectionManager_StripAnyHostPort{StripAnyHostPort: true}
		}},
		{"paths left to Envoy", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) { m.NormalizePath = nil }},
		{"the last dot kept", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) { m.StripTrailingHostDot = false }},
		{"the server name as clients send it", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) {
			m.EarlyHeaderMutationExtensions = nil
		}},
		{"an early extension", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) {
			m.EarlyHeaderMutationExtensions = append(m.EarlyHeaderMutationExtensions, &corev3.TypedExtensionConfig{Name: "x"})
		}},
		{"a filter", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) {
			m.HttpFilters = append(m.HttpFilters, &hcmv3.HttpFilter{Name: "x"})
		}},
		{"other routes", func(m *hcmv3.HttpConnectionManager, _ *routev3.RouteConfiguration) {
			m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "x"}}
		}},
		{"headers of the table", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) { r.VhostHeader = "x" }},
		{"a host that wants TLS", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].RequireTls = routev3.VirtualHost_ALL
		}},
		{"a query", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].Match.QueryParameters = []*routev3.QueryParameterMatcher{{Name: "x"}}
		}},
		{"a header", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].Match.Headers = []*routev3.HeaderMatcher{{Name: "x"}}
		}},
		{"a header that is there", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].Match.Headers = []*routev3.HeaderMatcher{{
				Name: ":path", HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true},
			}}
		}},
		{"a template of paths", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].Match.PathSpecifier = &routev3.RouteMatch_PathMatchPolicy{PathMatchPolicy: &corev3.TypedExtensionConfig{Name: "x"}}
		}},
		{"an expression of another engine", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].Match.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &typev3.RegexMatcher{Regex: "(?=x)"}}
		}},
		{"a route that nobody is asked about", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].TypedPerFilterConfig = nil
		}},
		{"all routes that nobody is asked about", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.TypedPerFilterConfig[filterAuthorize] = r.TypedPerFilterConfig[filterLeash]
		}},
		{"a field of tomorrow", func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
			r.VirtualHosts[0].Routes[0].Match.ProtoReflect().SetUnknown([]byte{0xf8, 0x3f, 1})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := alteredSnapshot(t, in, tc.change)
			if m, err := NewMatcher(s); !errors.Is(err, ErrCannotTell) {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
}

// alteredSnapshot builds in and changes the main listener and the routes.
func alteredSnapshot(t *testing.T, in Input, change func(*hcmv3.HttpConnectionManager, *routev3.RouteConfiguration)) *Snapshot {
	t.Helper()
	s, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	routes := proto.Clone(s.RouteConfigurations[0].Message).(*routev3.RouteConfiguration)
	s.RouteConfigurations[0].Message = routes
	for i, r := range s.Listeners {
		if r.Name != mainTLS {
			continue
		}
		l := proto.Clone(r.Message).(*listenerv3.Listener)
		filter := l.FilterChains[0].Filters[0]
		m := new(hcmv3.HttpConnectionManager)
		if err := filter.GetTypedConfig().UnmarshalTo(m); err != nil {
			t.Fatal(err)
		}
		change(m, routes)
		packed, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		filter.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
		s.Listeners[i].Message = l
	}
	return s
}

// TestMatchersThatAreNotBuilt are read all the same, so that a route may begin
// to use them.
func TestMatchersThatAreNotBuilt(t *testing.T) {
	t.Parallel()
	in := inputOf(load(t, base+`
routes: [{from: https://app.example.com, to: "http://127.0.0.1:1", allow_any_authenticated_user: true}]
`), newAuthority(t).issue(t, "*.example.com"))
	s := alteredSnapshot(t, in, func(_ *hcmv3.HttpConnectionManager, r *routev3.RouteConfiguration) {
		for _, host := range r.VirtualHosts {
			if host.Name != "app.example.com" {
				continue
			}
			host.Domains = []string{"app.*"}
			match := host.Routes[len(host.Routes)-1].Match
			match.PathSpecifier = &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: "/App"}
			match.CaseSensitive = wrapperspb.Bool(false)
		}
	})
	m, err := NewMatcher(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		host, path string
		want       bool
	}{
		{"app.example.org", "/aPP", true},
		{"app.example.org", "/app/x", true},
		{"app.example.org", "/apple", false},
		{"app.", "/app", false},
		{"app.x", "/app", true},
		{"xapp.x", "/app", false},
	} {
		got, err := m.Match(MatchRequest{Method: "GET", Host: tc.host, Path: tc.path})
		if err != nil || got.Found != tc.want {
			t.Errorf("%s%s: got %+v, %v", tc.host, tc.path, got, err)
		}
	}
}

func FuzzMatch(f *testing.F) {
	random := traveller{rand.New(rand.NewPCG(1, 2))}
	for range 50 {
		r := random.request()
		f.Add(r.Method, r.Host, r.Path, r.ServerName)
	}
	m := matcherOf(f, inputOf(load(f, base+crossroads), newAuthority(f).issue(f, "*.example.com")))
	f.Fuzz(func(t *testing.T, method, host, path, server string) {
		got, err := m.Match(MatchRequest{Method: method, Host: host, Path: path, ServerName: server})
		switch {
		case err != nil && !errors.Is(err, ErrCannotTell):
			t.Errorf("error %v", err)
		case err == nil && got.Found == (got.Status != 0), err == nil && got.Found == (got.Answer != ""):
			t.Errorf("neither asked nor answered, or both: %+v", got)
		case err == nil && got.Found && got.Internal == (got.RouteID != ""):
			t.Errorf("neither a route nor a path of ours, or both: %+v", got)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	one := "- {from: https://app.example.com, to: \"http://127.0.0.1:1\", prefix: /p%d/, allow_any_authenticated_user: true}\n"
	wild := "- {from: \"https://a%d-*.example.com\", to: \"http://127.0.0.1:1\", allow_any_authenticated_user: true}\n"
	hosts := "- {from: https://a%d.example.com, to: \"http://127.0.0.1:1\", allow_any_authenticated_user: true}\n"
	for name, routes := range map[string]string{"hosts": hosts, "prefixes of one host": one, "wildcards": wild} {
		b.Run("10000 "+name, func(b *testing.B) {
			var all strings.Builder
			for i := range 10000 {
				fmt.Fprintf(&all, routes, i)
			}
			s, err := Build(inputOf(load(b, base+"routes:\n"+all.String()), newAuthority(b).issue(b, "*.example.com")))
			if err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			m, err := NewMatcher(s)
			if err != nil {
				b.Fatal(err)
			}
			took := time.Since(began)
			last := map[string]MatchRequest{
				"hosts":                {Method: "GET", Host: "a9999.example.com", Path: "/x"},
				"prefixes of one host": {Method: "GET", Host: "app.example.com", Path: "/p9999/x"},
				"wildcards":            {Method: "GET", Host: "a9999-x.example.com", Path: "/"},
			}[name]
			for b.Loop() {
				if got, err := m.Match(last); err != nil || !got.Found {
					b.Fatal(got, err)
				}
			}
			b.ReportMetric(float64(took.Milliseconds()), "ms/NewMatcher")
		})
	}
}
