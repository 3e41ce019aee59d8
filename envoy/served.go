package envoy

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/cardea-proxy/cardea/envoy/xds"
)

// A Resource is one thing Envoy is told: a listener, a cluster, a route
// configuration, a secret. Resources of equal type, name and version are equal,
// and Envoy is not told again.
type Resource = xds.Resource

// Resources are everything Envoy is told, by type URL.
type Resources map[string][]Resource

// served is what the library serves: resources by type and name. It is never
// changed once made. It implements the library's ResourceSnapshot.
type served struct {
	version   string
	resources map[string]map[string]types.Resource
	versions  map[string]map[string]string
}

// newServed refuses two resources of one name: the second would win in silence.
func newServed(number uint64, all Resources) (*served, error) {
	s := &served{
		version:   strconv.FormatUint(number, 10),
		resources: make(map[string]map[string]types.Resource, len(all)),
		versions:  make(map[string]map[string]string, len(all)),
	}
	for typeURL, list := range all {
		resources := make(map[string]types.Resource, len(list))
		versions := make(map[string]string, len(list))
		for _, r := range list {
			if r.Message == nil || r.Name == "" || r.Version == "" {
				return nil, fmt.Errorf("%s %q: name, version and content are required", kind(typeURL), r.Name)
			}
			if _, twice := versions[r.Name]; twice {
				return nil, fmt.Errorf("two resources are called %s %q", kind(typeURL), r.Name)
			}
			resources[r.Name], versions[r.Name] = r.Message, r.Version
		}
		s.resources[typeURL], s.versions[typeURL] = resources, versions
	}
	return s, nil
}

// with returns s and what only old has, listeners excepted: what a listener
// still in use refers to must not go before that listener has changed.
func (s *served) with(old *served) *served {
	if old == nil {
		return s
	}
	both := &served{
		version:   s.version + "+",
		resources: maps.Clone(s.resources),
		versions:  maps.Clone(s.versions),
	}
	for typeURL := range old.resources {
		if typeURL == resource.ListenerType {
			continue
		}
		both.resources[typeURL] = union(s.resources[typeURL], old.resources[typeURL])
		both.versions[typeURL] = union(s.versions[typeURL], old.versions[typeURL])
	}
	return both
}

// union returns a map with the entries of both; a wins.
func union[V any](a, b map[string]V) map[string]V {
	all := make(map[string]V, max(len(a), len(b)))
	maps.Copy(all, b)
	maps.Copy(all, a)
	return all
}

// The methods that the library asks for.

func (s *served) GetVersion(string) string { return s.version }

func (s *served) GetResources(typeURL string) map[string]types.Resource { return s.resources[typeURL] }

func (s *served) GetVersionMap(typeURL string) map[string]string { return s.versions[typeURL] }

func (s *served) ConstructVersionMap() error { return nil }

// GetResourcesAndTTL serves the other variant of the protocol, which nobody
// here speaks.
func (s *served) GetResourcesAndTTL(typeURL string) map[string]types.ResourceWithTTL {
	all := make(map[string]types.ResourceWithTTL, len(s.resources[typeURL]))
	for name, r := range s.resources[typeURL] {
		all[name] = types.ResourceWithTTL{Resource: r}
	}
	return all
}

// kind is the word for a type URL in a sentence.
func kind(typeURL string) string {
	switch typeURL {
	case resource.ListenerType:
		return "listener"
	case resource.ClusterType:
		return "cluster"
	case resource.RouteType:
		return "route configuration"
	case resource.SecretType:
		return "secret"
	case resource.EndpointType:
		return "endpoints"
	}
	return typeURL
}
