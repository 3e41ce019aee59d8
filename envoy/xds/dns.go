package xds

import (
	"net/url"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	familyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	caresv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/network/dns_resolver/cares/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// defaultUDPQueries is how many queries go over one UDP socket before the next
// is opened: a socket that lost its way is not kept for ever.
const defaultUDPQueries = 100

// resolve makes c a cluster whose names are looked up, each address of them an
// upstream. Nothing waits for a name at start: one that does not resolve is its
// own route's trouble.
func (b *builder) resolve(c *clusterv3.Cluster) {
	dns := &dnsv3.DnsCluster{
		DnsLookupFamily: dnsFamily(b.c.DNSLookupFamily),
		TypedDnsResolverConfig: &corev3.TypedExtensionConfig{
			Name:        "envoy.network.dns_resolver.cares",
			TypedConfig: b.any(b.resolver()),
		},
	}
	if b.c.DNSRefreshRate != nil {
		dns.DnsRefreshRate = durationpb.New(*b.c.DNSRefreshRate)
	}
	if b.c.DNSFailureRefreshRate != nil {
		rate := durationpb.New(*b.c.DNSFailureRefreshRate)
		dns.DnsFailureRefreshRate = &dnsv3.DnsCluster_RefreshRate{BaseInterval: rate, MaxInterval: rate}
	}
	c.WaitForWarmOnInit = wrapperspb.Bool(false)
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name:        "envoy.clusters.dns",
		TypedConfig: once(b, "dns", func() *anypb.Any { return b.any(dns) }),
	}}
}

func (b *builder) resolver() *caresv3.CaresDnsResolverConfig {
	r := &caresv3.CaresDnsResolverConfig{UdpMaxQueries: wrapperspb.UInt32(defaultUDPQueries)}
	if b.c.DNSUDPMaxQueries != nil {
		r.UdpMaxQueries = wrapperspb.UInt32(*b.c.DNSUDPMaxQueries)
	}
	if b.c.DNSQueryTimeout != nil {
		seconds := (*b.c.DNSQueryTimeout + time.Second - 1) / time.Second
		r.QueryTimeoutSeconds = wrapperspb.UInt64(uint64(max(seconds, 1)))
	}
	if b.c.DNSQueryTries != nil {
		r.QueryTries = wrapperspb.UInt32(max(*b.c.DNSQueryTries, 1))
	}
	tcp := b.c.DNSUseTCP != nil && *b.c.DNSUseTCP
	for _, s := range b.c.DNSResolvers {
		u, err := url.Parse(s)
		if err != nil {
			b.fail("dns_resolvers: %w", err)
			continue
		}
		address, err := parseAddress(u.Host, b.IPv4Only)
		if err != nil {
			b.fail("dns_resolvers: %w", err)
			continue
		}
		tcp = tcp || u.Scheme == "tcp"
		r.Resolvers = append(r.Resolvers, address)
	}
	if tcp {
		r.DnsResolverOptions = &corev3.DnsResolverOptions{UseTcpForDnsLookups: true}
	}
	return r
}

func dnsFamily(f config.DNSLookupFamily) familyv3.DnsLookupFamily {
	switch f {
	case config.DNSAuto:
		return familyv3.DnsLookupFamily_AUTO
	case config.DNSV4Only:
		return familyv3.DnsLookupFamily_V4_ONLY
	case config.DNSV6Only:
		return familyv3.DnsLookupFamily_V6_ONLY
	case config.DNSAll:
		return familyv3.DnsLookupFamily_ALL
	}
	return familyv3.DnsLookupFamily_V4_PREFERRED
}
