package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestEnvoyTakesTheBaselines has the real Envoy read what it would run with.
func TestEnvoyTakesTheBaselines(t *testing.T) {
	envoy := os.Getenv("CARDEA_ENVOY")
	if envoy == "" {
		envoy = filepath.Join("..", "..", "build", "envoy", "envoy")
	}
	if err := exists(envoy); err != nil {
		t.Fatalf("this test runs Envoy: run \"make envoy\" or name one in CARDEA_ENVOY (%v)", err)
	}
	dir := t.TempDir()
	c, err := newCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := baselines{
		Admin: filepath.Join(dir, "a"), Null: filepath.Join(dir, "n"), Certificate: c.file, Key: c.key, UpstreamPort: 80,
		Listeners: []listener{{"bare", 8443, false}, {"floor", 8444, true}},
	}.render()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "baseline.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), envoy, "--mode", "validate", "--config-path", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
