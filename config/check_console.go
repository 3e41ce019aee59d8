package config

import (
	"cmp"
	"net"
	"net/netip"
	"strings"
)

// checkConsoleAddress holds the address of a listener for the console alone
// against the others, by address, which it must not share a door with: of two
// listeners on one port, the kernel would choose for each connection.
func (l *loading) checkConsoleAddress(others map[string]string) {
	const key = "console.address"
	address := l.c.Console.Address
	if address == "" || l.bad[key] {
		return
	}
	if !validAddress(address, false) {
		l.refuse(key, "", wantAddress)
		return
	}
	host, _, _ := cutPort(address)
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		l.refuse(key, "its host is a name", `an address of this machine, such as "10.0.0.5:9443"`)
		return
	}
	for _, other := range all(others) {
		if overlap(address, other) {
			l.refuse(key, "same port as "+others[other], "an address of its own")
		}
	}
}

// overlap reports whether one connection could come in by both of two
// addresses. Names of hosts, but for localhost, are taken for any address.
func overlap(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	if strings.TrimLeft(portA, "0") != strings.TrimLeft(portB, "0") { // "0443" is 443
		return false
	}
	ipA, ipB := bound(hostA), bound(hostB)
	return ipA.IsUnspecified() || ipB.IsUnspecified() || ipA == ipB
}

// bound is the address that a listener's host stands for; [::] takes every one.
func bound(host string) netip.Addr {
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	return ip.Unmap()
}

// checkConsoleApart demands that a listener for the console alone has something
// to serve, and that nothing else is at the console's hosts: what is there on
// another listener shares their cookies.
func (l *loading) checkConsoleApart() {
	const key = "console.address"
	if !l.c.ConsoleApart() || l.bad[key] {
		return
	}
	if l.c.InsecureServer {
		l.refuse(key, "insecure_server is set", "no address for the console alone: its listener speaks nothing but TLS")
	}
	if !l.c.HasConsole() {
		l.refuse(key, "no route leads to the console", "a route with console: true")
	}
	if l.c.XFFNumTrustedHops > 0 {
		l.warn(key, "xff_num_trusted_hops counts here too: who gets to this address past those proxies can name any client address")
	}
	hosts := make(map[string]int) // of the console -> its first route
	for i, r := range l.c.Routes {
		if !r.Console || r.IsTCP() || r.From.Host == "" { // refused
			continue
		}
		if _, known := hosts[r.From.Host]; !known {
			hosts[r.From.Host] = i
		}
		l.checkConsoleFrom(r, l.routeKeys[i]+".from")
	}
	for i, r := range l.c.Routes {
		if r.Console && !r.IsTCP() {
			continue
		}
		for _, host := range []string{r.From.Host, targetHost(r)} {
			if at, taken := hosts[host]; taken {
				l.refuse(l.routeKeys[i]+".from", "the host of the console, "+l.place(at)+", which is at console.address alone", "another host")
			}
		}
	}
}

// checkConsoleFrom holds the address that people type against the listeners.
// Something in front may lead one port to another, so that only the main
// listener's own port is a reason to speak.
func (l *loading) checkConsoleFrom(r *Route, key string) {
	if strings.Contains(r.From.Host, "*") {
		l.refuse(key, "", "a host without * where console.address is set")
		return
	}
	if signIn, _, _ := splitHost(l.c.AuthenticateServiceURL.Host); r.From.Host == signIn {
		l.refuse(key, "the sign-in host, which is at address", "another host where console.address is set")
	}
	port := cmp.Or(r.From.Port, "443")
	_, main, _ := net.SplitHostPort(l.c.Address)
	_, own, _ := net.SplitHostPort(l.c.Console.Address)
	if port == main && port != own {
		l.warn(key, "leads to the port of address, where the console is not: console.address has port "+own)
	}
}

// targetHost is the host that CONNECT names for a tunnel; "" for other routes.
func targetHost(r *Route) string {
	if !r.IsTCP() {
		return ""
	}
	host, _, _ := splitHost(r.From.Target)
	return host
}
