package config

import "testing"

func TestServesHost(t *testing.T) {
	c := &Config{Settings: Settings{RuntimeFlags: map[string]bool{FlagAnyIncomingPort: true}}}
	for _, from := range []From{
		{Scheme: "https", Host: "app.example.com"},
		{Scheme: "https", Host: "port.example.com", Port: "8443"},
		{Scheme: "https", Host: "*.wild.example.com", Port: "443"},
		{Scheme: "tcp+https", Host: "ssh.example.com", Port: "22"},
	} {
		c.Routes = append(c.Routes, &Route{From: from})
	}
	for host, want := range map[string]bool{
		"app.example.com": true, "APP.example.com:443": true, "app.example.com:9999": true,
		"port.example.com:8443": true, "port.example.com": false, "port.example.com:9999": false,
		"a.wild.example.com": true, "a.wild.example.com:9999": false, "wild.example.com": false, ".wild.example.com": false,
		"ssh.example.com:22": true, "ssh.example.com": true, "ssh.example.com:8443": true,
		"evil.example.com": false, "app.example.com.evil": false, "": false, "[::1]:8443": false,
	} {
		if got := c.ServesHost(host); got != want {
			t.Errorf("ServesHost(%q) = %v, want %v", host, got, want)
		}
	}
	c.RuntimeFlags[FlagAnyIncomingPort] = false
	if c.ServesHost("app.example.com:9999") || !c.ServesHost("app.example.com:443") {
		t.Error("without the flag a route without a port is on the default port alone")
	}
}
