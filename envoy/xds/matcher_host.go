package xds

import (
	"net"
	"slices"
	"strconv"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// A table finds the virtual host of a request as Envoy does: exact before
// suffix before prefix before everything, the longest of a kind first.
type table struct {
	ignorePort       bool
	exact            map[string][]rule
	suffix, prefix   map[string][]rule // by what stands beside the "*"
	suffixes, starts []int             // lengths of those, longest first
	every            []rule
}

// readTable prepares routes for looking up.
func readTable(routes *routev3.RouteConfiguration) (*table, error) {
	const fields = "name virtual_hosts ignore_port_in_host_matching " +
		"request_headers_to_remove max_direct_response_body_size_bytes typed_per_filter_config" // these come after the choice
	if err := known(routes, fields); err != nil {
		return nil, err
	}
	for filter := range routes.TypedPerFilterConfig {
		if filter != filterLeash { // of authorize, each route speaks for itself
			return nil, unsure("filter %q is configured for all routes at once", filter)
		}
	}
	t := &table{
		ignorePort: routes.IgnorePortInHostMatching,
		exact:      make(map[string][]rule, len(routes.VirtualHosts)),
		suffix:     make(map[string][]rule),
		prefix:     make(map[string][]rule),
	}
	read := newRuleReader()
	for _, host := range routes.VirtualHosts {
		if err := known(host, "name domains routes"); err != nil {
			return nil, err
		}
		rules, err := read.rules(host)
		if err != nil {
			return nil, err
		}
		for _, domain := range host.Domains {
			t.add(strings.ToLower(domain), rules)
		}
	}
	t.suffixes, t.starts = lengths(t.suffix), lengths(t.prefix)
	return t, nil
}

func (t *table) add(domain string, rules []rule) {
	switch {
	case domain == everyHost:
		t.every = rules
	case strings.HasPrefix(domain, "*"):
		t.suffix[domain[1:]] = rules
	case strings.HasSuffix(domain, "*"):
		t.prefix[domain[:len(domain)-1]] = rules
	default:
		t.exact[domain] = rules
	}
}

// lengths returns how long the keys are, longest first, each length once.
func lengths(m map[string][]rule) []int {
	var all []int
	for key := range m {
		all = append(all, len(key))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all
}

// host returns the rules of the virtual host that takes authority; none if
// there is no such host.
func (t *table) host(authority string) []rule {
	host := authority
	if t.ignorePort {
		host = host[:portStart(host)]
	}
	host = strings.ToLower(host)
	if rules, ok := t.exact[host]; ok {
		return rules
	}
	// A "*" stands for something: the whole host is no longer a match.
	for _, n := range t.suffixes {
		if n < len(host) {
			if rules, ok := t.suffix[host[len(host)-n:]]; ok {
				return rules
			}
		}
	}
	for _, n := range t.starts {
		if n < len(host) {
			if rules, ok := t.prefix[host[:n]]; ok {
				return rules
			}
		}
	}
	return t.every
}

// match returns the first rule that takes a.
func (t *table) match(a asked) Match {
	for _, r := range t.host(a.authority) {
		if r.takes(a) {
			return r.match
		}
	}
	return Match{Status: 404, Answer: answer(404, "no route takes the request")}
}

// portStart returns where the port of host begins, with its colon; the length
// of host if it has none. A colon within brackets is an address's.
func portStart(host string) int {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.LastIndexByte(host, ']') > colon {
		return len(host)
	}
	return colon
}

// stripDot takes away the dot at the end of host, or one right before the port.
func stripDot(host string) string {
	dot := strings.LastIndexByte(host, '.')
	switch {
	case dot < 0:
		return host
	case dot == len(host)-1, host[dot+1] == ':':
		return host[:dot] + host[dot+1:]
	}
	return host
}

// namesPort reports whether host ends in a port, as CONNECT must.
func namesPort(host string) bool {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
