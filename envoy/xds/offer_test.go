package xds

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
)

// An offer serves snapshots and knows whether Envoy took the last one.
type offer struct {
	cache cache.SnapshotCache

	mu      sync.Mutex
	number  int
	refusal string
	taken   map[string]bool
	changed chan struct{}
}

type anyNode struct{}

func (anyNode) ID(*corev3.Node) string { return "envoy" }

func newOffer() *offer {
	return &offer{
		cache:   cache.NewSnapshotCache(true, anyNode{}, nil),
		taken:   make(map[string]bool),
		changed: make(chan struct{}, 1),
	}
}

func (o *offer) set(t testing.TB, s *Snapshot) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.number++
	o.taken, o.refusal = make(map[string]bool), ""
	resources := make(map[resource.Type][]types.Resource)
	for typeURL, list := range s.Resources() {
		for _, r := range list {
			resources[typeURL] = append(resources[typeURL], r.Message)
		}
	}
	snapshot, err := cache.NewSnapshot(fmt.Sprint(o.number), resources)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cache.SetSnapshot(context.Background(), "envoy", snapshot); err != nil {
		t.Fatal(err)
	}
}

func (o *offer) callbacks() server.Callbacks {
	return server.CallbackFuncs{StreamDeltaRequestFunc: func(_ int64, r *discoveryv3.DeltaDiscoveryRequest) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case r.GetErrorDetail() != nil:
			o.refusal = r.TypeUrl + ": " + r.GetErrorDetail().GetMessage()
		case r.ResponseNonce != "":
			o.taken[r.TypeUrl] = true
		}
		select {
		case o.changed <- struct{}{}:
		default:
		}
		return nil
	}}
}

const (
	clusterType = string(resource.ClusterType)
	routeType   = string(resource.RouteType)
)

// wait returns once Envoy has taken listeners, clusters and routes.
func (o *offer) wait(t testing.TB, output fmt.Stringer) {
	t.Helper()
	o.waitFor(t, output, "the snapshot", func(taken map[string]bool) bool {
		return taken[resource.ListenerType] && taken[clusterType] && taken[routeType]
	})
}

// waitFor returns once what Envoy has taken since the last set is enough.
func (o *offer) waitFor(t testing.TB, output fmt.Stringer, what string, enough func(map[string]bool) bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		o.mu.Lock()
		refusal, done := o.refusal, enough(o.taken)
		o.mu.Unlock()
		switch {
		case refusal != "":
			t.Fatalf("envoy refuses: %s", refusal)
		case done:
			return
		}
		select {
		case <-o.changed:
		case <-deadline.C:
			t.Fatalf("envoy has not taken %s\n%s", what, output)
		}
	}
}
