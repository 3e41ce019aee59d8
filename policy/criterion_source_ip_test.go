package policy

import (
	"net/netip"
	"testing"
)

func TestSourceIP(t *testing.T) {
	t.Parallel()
	const ok, no = "source-ip-ok", "source-ip-unauthorized"
	from := func(ip string) Facts {
		r := get()
		r.IP = netip.Addr{}
		if ip != "" {
			r.IP = netip.MustParseAddr(ip)
		}
		return Facts{Request: r}
	}
	runCriterion(t, []criterionCase{
		{"the address", "source_ip: 192.0.2.7", from("192.0.2.7"), true, reasons(ok)},
		{"another address", "source_ip: 192.0.2.7", from("192.0.2.8"), false, reasons(no)},
		{"a network", "source_ip: 192.0.2.0/24", from("192.0.2.200"), true, reasons(ok)},
		{"a network written with host bits", "source_ip: 192.0.2.9/24", from("192.0.2.200"), true, reasons(ok)},
		{"one of several", "source_ip: [198.51.100.1, 192.0.2.0/24]", from("192.0.2.200"), true, reasons(ok)},
		{"none of several", "source_ip: [198.51.100.1, 192.0.2.0/24]", from("203.0.113.1"), false, reasons(no)},
		{"IPv6", "source_ip: '2001:db8::/32'", from("2001:db8::1"), true, reasons(ok)},
		{"IPv6 in another spelling", "source_ip: '2001:DB8:0::1'", from("2001:db8::1"), true, reasons(ok)},
		{"IPv4 that comes as IPv6", "source_ip: 192.0.2.0/24", from("::ffff:192.0.2.7"), true, reasons(ok)},
		{"IPv4 that is written as IPv6", "source_ip: '::ffff:192.0.2.7'", from("192.0.2.7"), true, reasons(ok)},
		{"a network that is written so", "source_ip: '::ffff:192.0.2.0/120'", from("192.0.2.7"), true, reasons(ok)},
		{"all of IPv6 is not all of IPv4", "source_ip: '::/0'", from("192.0.2.7"), false, reasons(no)},
		{"a zone says nothing", "source_ip: 'fe80::/10'", from("fe80::1%eth0"), true, reasons(ok)},
		{"no address is in no network", "source_ip: 0.0.0.0/0", from(""), false, reasons(no)},
		{"nor in that of IPv6", "source_ip: '::/0'", from(""), false, reasons(no)},
	})
	t.Run("no address is not outside of a network either", func(t *testing.T) {
		t.Parallel()
		for _, ppl := range []string{
			"allow: {not: [{source_ip: 10.0.0.0/8}]}",
			"{allow: {or: [{accept: }]}, deny: {or: [{source_ip: 10.0.0.0/8}]}}",
		} {
			if d := program(t, ppl).Decide(t.Context(), from("")); d.Outcome != Deny {
				t.Errorf("%s: %+v", ppl, d)
			}
			if d := program(t, ppl).Decide(t.Context(), from("192.0.2.1")); d.Outcome != Allow {
				t.Errorf("%s: %+v", ppl, d)
			}
		}
	})
	runBad(t, []badCase{
		{"a name", "allow: {or: [{source_ip: localhost}]}", "1:26: policy.allow.or[0].source_ip: want an IP address or network, such as 10.0.0.0/8"},
		{"a zone", "allow: {or: [{source_ip: 'fe80::1%eth0'}]}", "1:26: policy.allow.or[0].source_ip: want an IP address or network, such as 10.0.0.0/8"},
		{"too many bits", "allow: {or: [{source_ip: [10.0.0.0/33]}]}", "1:27: policy.allow.or[0].source_ip[0]: want an IP address or network, such as 10.0.0.0/8"},
		{"leading zeros, which some read as octal", "allow: {or: [{source_ip: 010.0.0.1}]}", "1:26: policy.allow.or[0].source_ip: want an IP address or network, such as 10.0.0.0/8"},
		{"an empty list", "allow: {or: [{source_ip: []}]}", "1:26: policy.allow.or[0].source_ip: want an IP address or network, such as 10.0.0.0/8, or a list of them"},
		{"an object", "allow: {or: [{source_ip: {is: 10.0.0.1}}]}", "1:26: policy.allow.or[0].source_ip: want an IP address or network, such as 10.0.0.0/8, or a list of them"},
		{"null", "allow: {or: [{source_ip: null}]}", "1:26: policy.allow.or[0].source_ip: want an IP address or network, such as 10.0.0.0/8"},
	})
}
