package xds

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/cardea-proxy/cardea/config"
)

// A Resource is one named thing that Envoy is told. Its version is a digest of
// its content.
type Resource struct {
	Name    string
	Version string
	Message proto.Message
}

// A Snapshot is everything that Envoy is told, each list sorted by name.
type Snapshot struct {
	Listeners           []Resource
	Clusters            []Resource
	RouteConfigurations []Resource
	Secrets             []Resource
}

// Resources returns the snapshot by type URL.
func (s *Snapshot) Resources() map[string][]Resource {
	return map[string][]Resource{
		resource.ListenerType: s.Listeners,
		resource.ClusterType:  s.Clusters,
		resource.RouteType:    s.RouteConfigurations,
		resource.SecretType:   s.Secrets,
	}
}

// Build makes the snapshot of in. The error joins everything that is wrong.
func Build(in Input) (*Snapshot, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("build envoy's configuration: %w", err)
	}
	b := &builder{Input: in, c: in.Config, secrets: make(map[string]proto.Message), shared: make(map[string]proto.Message)}
	s := &Snapshot{
		Listeners:           b.resources(b.listeners()),
		Clusters:            b.resources(b.clusters()),
		RouteConfigurations: b.resources(b.routeConfigurations()),
	}
	s.Secrets = b.resources(b.secrets) // last: the others ask for them
	if len(b.errs) > 0 {
		return nil, fmt.Errorf("build envoy's configuration: %w", errors.Join(b.errs...))
	}
	return s, nil
}

// A builder collects the secrets and errors of one Build.
type builder struct {
	Input
	c       *config.Config
	secrets map[string]proto.Message
	errs    []error
	spread  int // see spreads

	// What is alike for many routes is made once and shared; nobody changes a
	// message once it is in another.
	shared   map[string]proto.Message
	internal []*routev3.Route
	plain    []*corev3.HeaderValueOption // responseHeaders of routes without their own
}

// fail notes an error; what the caller returns besides is never used.
func (b *builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

// marshal writes maps in the order of their keys, so that equal content is
// equal bytes.
var marshal = proto.MarshalOptions{Deterministic: true}

// any packs m. It fails only for text that is not UTF-8.
func (b *builder) any(m proto.Message) *anypb.Any {
	packed := new(anypb.Any)
	if err := anypb.MarshalFrom(packed, m, marshal); err != nil {
		b.fail("pack %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return packed
}

// resources sorts messages by name and gives each the digest of its content.
func (b *builder) resources(messages map[string]proto.Message) []Resource {
	all := make([]Resource, 0, len(messages))
	for name, m := range messages {
		content, err := marshal.Marshal(m)
		if err != nil {
			b.fail("pack %q: %w", name, err)
			continue
		}
		sum := sha256.Sum256(content)
		all = append(all, Resource{Name: name, Version: hex.EncodeToString(sum[:16]), Message: m})
	}
	slices.SortFunc(all, func(x, y Resource) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

// ads says that a resource comes over the stream that this one came by.
func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
}

// once makes what is called name at the first call.
func once[M proto.Message](b *builder, name string, make func() M) M {
	if m, ok := b.shared[name]; ok {
		return m.(M)
	}
	m := make()
	b.shared[name] = m
	return m
}

// put adds a cluster, and refuses a second one of its name.
func (b *builder) put(all map[string]proto.Message, c *clusterv3.Cluster) {
	if _, twice := all[c.Name]; twice {
		b.fail("route %q is not unique", c.Name)
	}
	all[c.Name] = c
}
