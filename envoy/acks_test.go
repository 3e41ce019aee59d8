package envoy

import (
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
)

// routes is a served snapshot of route configurations, name and version by turns.
func routes(t *testing.T, number uint64, namesAndVersions ...string) *served {
	t.Helper()
	var list []Resource
	for i := 0; i < len(namesAndVersions); i += 2 {
		list = append(list, Resource{Name: namesAndVersions[i], Version: namesAndVersions[i+1], Message: &core.Node{}})
	}
	s, err := newServed(number, Resources{resource.RouteType: list})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func response(nonce string, removed []string, namesAndVersions ...string) *discovery.DeltaDiscoveryResponse {
	r := &discovery.DeltaDiscoveryResponse{TypeUrl: resource.RouteType, Nonce: nonce, RemovedResources: removed}
	for i := 0; i < len(namesAndVersions); i += 2 {
		r.Resources = append(r.Resources, &discovery.Resource{Name: namesAndVersions[i], Version: namesAndVersions[i+1]})
	}
	return r
}

func request(nonce, refusal string) *discovery.DeltaDiscoveryRequest {
	r := &discovery.DeltaDiscoveryRequest{TypeUrl: resource.RouteType, ResponseNonce: nonce}
	if refusal != "" {
		r.ErrorDetail = &status.Status{Message: refusal}
	}
	return r
}

func TestAcks(t *testing.T) {
	t.Parallel()
	want := routes(t, 1, "a", "2", "b", "1")
	for _, tc := range []struct {
		name    string
		play    func(*acks)
		missing string
		reason  string
	}{
		{"nothing said, everything is missing", func(*acks) {}, `route configuration "a", route configuration "b"`, ""},
		{"sent is not taken", func(a *acks) {
			a.sent(response("1", nil, "a", "2", "b", "1"))
		}, `route configuration "a", route configuration "b"`, ""},
		{"sent and acknowledged is taken", func(a *acks) {
			a.sent(response("1", nil, "a", "2", "b", "1"))
			a.heard(request("1", ""))
		}, "", ""},
		{"an older version is not the one wanted", func(a *acks) {
			a.sent(response("1", nil, "a", "1", "b", "1"))
			a.heard(request("1", ""))
		}, `route configuration "a"`, ""},
		{"an answer to nothing that was sent counts for nothing", func(a *acks) {
			a.sent(response("1", nil, "a", "2", "b", "1"))
			a.heard(request("7", ""))
		}, `route configuration "a", route configuration "b"`, ""},
		{"a refusal has its reason", func(a *acks) {
			a.sent(response("1", nil, "b", "1"))
			a.heard(request("1", ""))
			a.sent(response("2", nil, "a", "2"))
			a.heard(request("2", "no such cluster"))
		}, `route configuration "a"`, `route configuration "a": no such cluster`},
		{"a refusal of another version is not one of this", func(a *acks) {
			a.sent(response("1", nil, "a", "1", "b", "1"))
			a.heard(request("1", "no such cluster"))
		}, `route configuration "a", route configuration "b"`, `route configuration "b": no such cluster`},
		{"a refusal is forgotten when something else is sent", func(a *acks) {
			a.sent(response("1", nil, "a", "2", "b", "1"))
			a.heard(request("1", "no such cluster"))
			a.sent(response("2", []string{"b"}, "a", "2"))
		}, `route configuration "a", route configuration "b"`, ""},
		{"what is taken away is not there", func(a *acks) {
			a.sent(response("1", nil, "a", "2", "b", "1"))
			a.heard(request("1", ""))
			a.sent(response("2", []string{"b"}))
			a.heard(request("2", ""))
		}, `route configuration "b"`, ""},
		{"who comes back says what it has", func(a *acks) {
			a.heard(&discovery.DeltaDiscoveryRequest{
				TypeUrl: resource.RouteType, InitialResourceVersions: map[string]string{"a": "2", "b": "1"},
			})
		}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := newAcks()
			tc.play(a)
			missing, reason := a.missing(want, nil)
			if got := few(missing); got != tc.missing || reason != tc.reason {
				t.Errorf("missing %s, reason %q; want %s, %q", got, reason, tc.missing, tc.reason)
			}
		})
	}
}

func TestUnaskedIsMissingOnceAskedFor(t *testing.T) {
	t.Parallel()
	want := routes(t, 1, "a", "1")
	k := key{resource.RouteType, "a"}
	a := newAcks()
	missing, _ := a.missing(want, nil)
	if never := a.neverAsked(missing); !never[k] {
		t.Fatalf("never asked: %v", never)
	}
	if missing, _ := a.missing(want, map[key]bool{k: true}); len(missing) != 0 {
		t.Errorf("missing %v, though nobody asks", missing)
	}
	a.heard(&discovery.DeltaDiscoveryRequest{TypeUrl: resource.RouteType, ResourceNamesSubscribe: []string{"a"}})
	if missing, _ := a.missing(want, map[key]bool{k: true}); len(missing) != 1 {
		t.Errorf("missing %v, want the one asked for", missing)
	}
}

func TestServedWithOld(t *testing.T) {
	t.Parallel()
	old, next := routes(t, 1, "a", "1", "gone", "1"), routes(t, 2, "a", "2")
	both := next.with(old)
	if got := both.versions[resource.RouteType]; len(got) != 2 || got["a"] != "2" || got["gone"] != "1" {
		t.Errorf("versions %v", got)
	}
	if len(next.versions[resource.RouteType]) != 1 {
		t.Error("the new one was changed")
	}
	if both.version == next.version || both.version == old.version {
		t.Errorf("three offers, versions %q %q %q", old.version, next.version, both.version)
	}
}

func TestFew(t *testing.T) {
	t.Parallel()
	var keys []key
	for _, name := range strings.Fields("a b c d e") {
		keys = append(keys, key{resource.ClusterType, name})
	}
	if got, want := few(keys), `cluster "a", cluster "b", cluster "c" and 2 more`; got != want {
		t.Errorf("few: %s, want %s", got, want)
	}
}
