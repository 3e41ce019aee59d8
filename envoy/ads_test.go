package envoy

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

func TestApply(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	one, two := application(t, "one", nil), application(t, "two", nil)
	if err := h.ads.Apply(t.Context(), h.simple(t, one)); err != nil {
		t.Fatal(err)
	}
	h.wantGet(t, "/", "one")

	t.Run("a changed route is in effect when Apply returns", func(t *testing.T) {
		for _, next := range []struct {
			cluster string
			server  string
		}{{"app2", "two"}, {"app", "one"}, {"app2", "two"}} {
			upstream := one
			if next.server == "two" {
				upstream = two
			}
			err := h.ads.Apply(t.Context(), Resources{
				resource.ClusterType:  {clusterTo(t, next.cluster, upstream)},
				resource.RouteType:    {routesTo(t, "routes", next.cluster)},
				resource.ListenerType: {listenerOn(t, "web", h.port, "routes")},
			})
			if err != nil {
				t.Fatal(err)
			}
			h.wantGet(t, "/", next.server)
		}
	})

	t.Run("a refused one is an error with the reason and leaves all as it was", func(t *testing.T) {
		bad := res(t, "web", &listener.Listener{
			Name:    "web",
			Address: socketAddress(h.port),
			FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
				Name: "no.such.filter", ConfigType: &listener.Filter_TypedConfig{TypedConfig: pack(t, &core.Node{})},
			}}}},
		})
		for range 2 { // the same error twice, not once and then silence
			err := h.ads.Apply(t.Context(), Resources{
				resource.ClusterType:  {clusterTo(t, "app", one)},
				resource.RouteType:    {routesTo(t, "routes", "app")},
				resource.ListenerType: {bad},
			})
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "no.such.filter") {
				t.Fatalf("Apply: %v, want ErrRefused that names the filter", err)
			}
			h.wantGet(t, "/", "two")
		}
		if h.ads.Status().Current {
			t.Error("Status says that the refused configuration is current")
		}
	})

	t.Run("an Envoy that dies after a refusal comes back with what it had", func(t *testing.T) {
		if err := syscall.Kill(h.process.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, 2*time.Second, "the configuration before the refused one serves", func() bool {
			_, body, err := h.get("/")
			return err == nil && body == "two"
		})
	})

	t.Run("after a refusal a good one is taken", func(t *testing.T) {
		if err := h.ads.Apply(t.Context(), h.simple(t, one)); err != nil {
			t.Fatal(err)
		}
		h.wantGet(t, "/", "one")
		if s := h.ads.Status(); !s.Connected || !s.Current || len(s.Refused) != 0 {
			t.Errorf("Status: %+v", s)
		}
	})

	t.Run("a secret that nothing refers to does not hold it up", func(t *testing.T) {
		all := h.simple(t, one)
		all[resource.SecretType] = []Resource{res(t, "spare", &tls.Secret{Name: "spare"})}
		before := time.Now()
		if err := h.ads.Apply(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})

	t.Run("two resources of one name are refused before Envoy sees them", func(t *testing.T) {
		all := h.simple(t, one)
		all[resource.ClusterType] = append(all[resource.ClusterType], clusterTo(t, "app", two))
		if err := h.ads.Apply(t.Context(), all); err == nil {
			t.Error("no error")
		}
		h.wantGet(t, "/", "one")
	})
}

func TestApplyWithoutEnvoy(t *testing.T) {
	t.Parallel()
	ads := NewADS(ADSOptions{Patience: 10 * time.Millisecond})
	err := ads.Apply(t.Context(), Resources{})
	if !errors.Is(err, ErrUnanswered) || !strings.Contains(err.Error(), "not connected") {
		t.Errorf("Apply: %v", err)
	}
}

func TestUnrelatedResourcesAreNotSentAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	answers := map[string]int{}
	h := newHouse(t, func(_ *Options, o *ADSOptions) {
		o.Observe = func(kind, _ string) {
			mu.Lock()
			defer mu.Unlock()
			answers[kind]++
		}
	})
	one, two := application(t, "one", nil), application(t, "two", nil)
	all := h.simple(t, one)
	all[resource.ClusterType] = append(all[resource.ClusterType], clusterTo(t, "other", one))
	if err := h.ads.Apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	clear(answers)
	mu.Unlock()
	all[resource.ClusterType] = []Resource{clusterTo(t, "app", one), clusterTo(t, "other", two)}
	if err := h.ads.Apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if answers["cluster"] != 1 || len(answers) != 1 {
		t.Errorf("Envoy answered %v, want one answer to one cluster", answers)
	}
}
