package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestATextReadsNoFile: whoever sends a document may not be somebody who may
// read files here.
func TestATextReadsNoFile(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("not: a policy\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	route := "routes: [{from: https://a.example.com, to: http://b, allow_any_authenticated_user: true}]\n"
	load := func(text string) (*Config, error) {
		return Load(t.Context(), Options{File: "sent.yaml", Text: []byte(text)})
	}
	base := "authenticate_service_url: https://login.example.com\nidp_provider: local\nusers: [{email: a@example.com}]\ndata_dir: /tmp/x\n" + route
	c, err := load(base)
	if err != nil || len(c.Routes) != 1 || c.Document != "sent.yaml" {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, text := range map[string]string{
		"a policy":         "policies: [{name: p, file: " + secret + "}]\n",
		"a folder":         "policy_dir: " + filepath.Dir(secret) + "\n",
		"a shared secret":  "shared_secret_file: " + secret + "\n",
		"a certificate":    "certificate_file: " + secret + "\ncertificate_key_file: " + secret + "\n",
		"an authority":     "certificate_authority_file: " + secret + "\n",
		"another document": "policies: [{name: p, file: sent.yaml}]\n",
	} {
		_, err := load(base + text)
		var all Errors
		if !errors.As(err, &all) || !strings.Contains(err.Error(), "files cannot be read") || strings.Contains(err.Error(), "not: a policy") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
