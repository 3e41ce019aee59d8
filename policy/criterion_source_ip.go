package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// criterionSourceIP tests the address of the client against addresses and
// networks.
var criterionSourceIP = &kind{
	name:    "source_ip",
	summary: "Tests the client's address against addresses and networks.",
	form:    networksForm,
	reads:   Reads{Address: true},
	parse:   parseNetworks,
	clauses: func(c criterion, l *literals, doubt bool) []clause {
		out := []clause{{true, "source-ip-ok", []string{
			"some network in " + l.list(c.operand.(networks).texts()),
			"net.cidr_contains(network, input.http.ip)",
		}}}
		if doubt {
			out = append(out, clause{true, "source-ip-unauthorized", []string{"not input.http.ip"}})
		}
		return append(out, clause{false, "source-ip-unauthorized", nil})
	},
	fold: func(a, b operand) (operand, bool) {
		return slices.Concat(a.(networks), b.(networks)), true
	},
}

// networks are in canonical form: no host bits, and IPv4 never written as IPv6.
type networks []netip.Prefix

func (ns networks) node() *yaml.Node { return listNode(ns.texts()) }

func (ns networks) texts() []string {
	texts := make([]string, len(ns))
	for i, n := range ns {
		texts[i] = n.String()
	}
	return texts
}

func parseNetworks(p *parser, path string, n *yaml.Node) operand {
	if n.Kind == yaml.ScalarNode {
		return networks{p.network(path, n)}
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.want(path, n, wantNetwork+", or a list of them")
		return nil
	}
	var out networks
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item = p.resolve(at, item); item == nil {
			return out
		}
		out = append(out, p.network(at, item))
	}
	return out
}

const wantNetwork = "an IP address or network, such as 10.0.0.0/8"

func (p *parser) network(path string, n *yaml.Node) netip.Prefix {
	network, err := parseNetwork(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		p.want(path, n, wantNetwork)
	}
	return network
}

// parseNetwork reads an address or a network. An IPv6 form that holds an IPv4
// address becomes the IPv4 one, as the address of a client does. A zone is
// refused: it names an interface of this host, not of the client.
func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("parse address %q", s)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("parse network: %w", err)
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}
