package config

import (
	"net/url"
	"strings"
	"testing"
)

func TestProviderID(t *testing.T) {
	base := func() *Config {
		c := &Config{}
		c.IDPProvider, c.IDPClientID = "oidc", "client"
		c.IDPProviderURL = URL{&url.URL{Scheme: "https", Host: "idp.example"}}
		return c
	}
	want := ProviderID(base(), nil)
	if len(want) != 22 || strings.ContainsAny(want, "/+=") {
		t.Errorf("ProviderID = %q, want 22 characters without a slash", want)
	}
	for _, tc := range []struct {
		name   string
		change func(*Config, *Route)
		same   bool
	}{
		{"a route without a client of its own has the same provider", func(*Config, *Route) {}, true},
		{"another secret is the same provider", func(c *Config, _ *Route) { c.IDPClientSecret = "x" }, true},
		{"a route with the very same client has the same provider", func(_ *Config, r *Route) { r.IDPClientID = "client" }, true},
		{"another client is another provider", func(_ *Config, r *Route) { r.IDPClientID = "other" }, false},
		{"another kind is another provider", func(c *Config, _ *Route) { c.IDPProvider = "google" }, false},
		{"another address is another provider", func(c *Config, _ *Route) { c.IDPProviderURL.Host = "b.example" }, false},
		{"moving a character between parts is another provider", func(c *Config, _ *Route) {
			c.IDPProvider, c.IDPClientID = "oidcc", "lient"
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, r := base(), &Route{}
			tc.change(c, r)
			if got := ProviderID(c, r); (got == want) != tc.same {
				t.Errorf("ProviderID = %q, the base is %q, want same: %v", got, want, tc.same)
			}
		})
	}
}
