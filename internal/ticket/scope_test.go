package ticket

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScopeOf(t *testing.T) {
	alone := func(host string) Scope { return Scope{Host: host, Binder: "__Host-_pomerium_binder"} }
	shared := Scope{Host: "example.com", Domain: "example.com", Binder: "__Secure-_pomerium_binder"}
	for name, tc := range map[string]struct {
		domain, host string
		want         Scope
	}{
		"no domain":                 {"", "app.example.com", alone("app.example.com")},
		"below the domain":          {"example.com", "app.example.com", shared},
		"the domain itself":         {"example.com", "example.com", shared},
		"written with a dot":        {".Example.com", "app.example.com", shared},
		"elsewhere":                 {"example.com", "app.example.org", alone("app.example.org")},
		"only ends like the domain": {"example.com", "evilexample.com", alone("evilexample.com")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, ScopeOf("_pomerium", tc.domain, tc.host)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostName(t *testing.T) {
	for in, want := range map[string]string{
		"App.Example.com": "app.example.com", "app.example.com:8443": "app.example.com", "app.example.com.": "app.example.com",
		"app.example.com.:443": "app.example.com", "[::1]:8443": "[::1]", "[::1]": "[::1]", "": "",
	} {
		if got := HostName(in); got != want {
			t.Errorf("HostName(%q) = %q, want %q", in, got, want)
		}
	}
}
