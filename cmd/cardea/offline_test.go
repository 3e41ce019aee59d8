package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy/xds"
)

// TestOfflineKnowsTheListener: a request for the console through the main
// listener is no route, described or recorded, nor is an application's through
// the console's.
func TestOfflineKnowsTheListener(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := `
address: 127.0.0.1:8443
console: {address: "127.0.0.1:9443", viewers: [{authenticated_user: true}]}
routes:
  - {from: "https://*.localhost", verify: true, allow_any_authenticated_user: true}
  - {from: "https://console.localhost", console: true, allow_any_authenticated_user: true}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(t.Context(), config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	o, err := prepareOffline(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	const none = "Envoy answers 404 itself: no route takes the request."
	for host, want := range map[string]struct {
		line int // of the route; 0 is none
		why  string
	}{
		"console.localhost:9443": {6, ""},
		"console.localhost":      {6, ""},
		"console.localhost:8443": {0, none + " The console has a listener of its own, and this port is the other's."},
		"app.localhost:8443":     {5, ""},
		"app.localhost:9443":     {0, none},
	} {
		described, err := o.find("GET", "https://"+host+"/")
		if err != nil {
			t.Fatal(err)
		}
		recorded, err := o.match(xds.MatchRequest{Method: "GET", Host: host, Path: "/", Normalised: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []found{described, recorded} {
			line := 0
			if f.route != nil {
				line = f.route.Line
			}
			if line != want.line || f.why != want.why {
				t.Errorf("%s: line %d, %q, want %v", host, line, f.why, want)
			}
		}
	}
}
