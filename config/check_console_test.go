package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{":443", ":443", true},
		{":443", ":0443", true},
		{":443", ":8443", false},
		{":443", "10.0.0.5:443", true},
		{"0.0.0.0:443", "10.0.0.5:443", true},
		{"[::]:443", "10.0.0.5:443", true},
		{"192.0.2.1:443", "10.0.0.5:443", false},
		{"10.0.0.5:443", "[::ffff:10.0.0.5]:443", true},
		{"LOCALHOST:443", "127.0.0.1:443", true},
		{"localhost:443", "127.0.0.2:443", false},
		{"a.example:443", "10.0.0.5:443", true}, // nobody knows
	} {
		if overlap(tc.a, tc.b) != tc.want || overlap(tc.b, tc.a) != tc.want {
			t.Errorf("%s and %s: want %v", tc.a, tc.b, tc.want)
		}
	}
}

// TestTheConsolesPort remarks on an address that leads to the other listener.
func TestTheConsolesPort(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, address, console, from string
		remark                       bool
	}{
		{"its own port", ":8443", ":9443", "https://console.localhost:9443", false},
		{"the other's port", ":8443", ":9443", "https://console.localhost:8443", true},
		{"no port, and the other has https's", ":443", ":9443", "https://console.localhost", true},
		{"no port, and neither has https's", ":8443", ":9443", "https://console.localhost", false},
		{"no port, and it has https's", ":8443", ":443", "https://console.localhost", false},
		{"a port that something in front leads on", ":8443", ":9443", "https://console.localhost:9000", false},
		{"one port on two addresses", "192.0.2.1:443", "10.0.0.5:443", "https://console.localhost", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, fmt.Sprintf(`
address: %q
console: {address: %q, viewers: [{authenticated_user: true}]}
routes: [{from: %q, console: true, allow_any_authenticated_user: true}]
`, tc.address, tc.console, tc.from))
			got := false
			for _, w := range c.Warnings {
				got = got || w.Key == "routes[0].from" && w.Line == 4 && strings.Contains(w.Found, "port of address")
			}
			if got != tc.remark || !c.ConsoleApart() {
				t.Errorf("remarks: %v", c.Warnings)
			}
		})
	}
}

// TestTheConsolesProxies remarks on proxies that may not be there.
func TestTheConsolesProxies(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
address: ":8443"
xff_num_trusted_hops: 1
console:
  address: ":9443"
routes: [{from: "https://console.localhost:9443", console: true, allow_any_authenticated_user: true}]
`)
	for _, w := range c.Warnings {
		if w.Key == "console.address" && w.Line == 5 && strings.Contains(w.Found, "xff_num_trusted_hops") {
			return
		}
	}
	t.Errorf("remarks: %v", c.Warnings)
}

func TestAtConsole(t *testing.T) {
	t.Parallel()
	const (
		twoPorts = "address: ':8443'\nconsole: {address: ':9443'}\n"
		onePort  = "address: '192.0.2.1:443'\nconsole: {address: '10.0.0.5:443'}\n"
		routes   = "authenticate_service_url: https://login.localhost\nroutes:\n- {from: 'https://app.localhost', verify: true, allow_any_authenticated_user: true}\n" +
			"- {from: 'https://console.localhost', console: true, allow_any_authenticated_user: true}\n" +
			"- {from: 'https://[::1]:9000', console: true, allow_any_authenticated_user: true}\n"
	)
	for _, tc := range []struct {
		settings, host string
		want           bool
	}{
		{"", "console.localhost", false},
		{twoPorts, "console.localhost:9443", true},
		{twoPorts, "console.localhost:8443", false},
		{twoPorts, "console.localhost", true}, // the port of its route
		{twoPorts, "Console.localhost.:443", true},
		{twoPorts, "console.localhost:", true},
		{twoPorts, "console.localhost:1234", true}, // led on by something in front
		{twoPorts, "app.localhost:9443", true},
		{twoPorts, "app.localhost:8443", false},
		{twoPorts, "app.localhost", false},
		{twoPorts, "app.localhost:1234", false},
		{twoPorts, "[::1]:9000", true},
		{twoPorts, "[::1]:8443", false},
		{twoPorts, "", false},
		{onePort, "console.localhost", true},
		{onePort, "app.localhost:443", false},
	} {
		if got := mustLoad(t, tc.settings+routes).AtConsole(tc.host); got != tc.want {
			t.Errorf("%s, %q: got %v", strings.ReplaceAll(tc.settings, "\n", " "), tc.host, got)
		}
	}
}
