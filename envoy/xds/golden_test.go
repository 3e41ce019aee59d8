package xds

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/lua"
)

var update = flag.Bool("update", false, "write what is made now as what is wanted")

// TestGolden holds each testdata/<case>/config.yaml against the snapshot.json
// beside it. "make golden" writes them anew, for a person to read the
// difference.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*/config.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no golden cases: %v", err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(t.Context(), config.Options{File: file})
			if err != nil {
				t.Fatal(err)
			}
			var certificates []*config.Certificate
			if !c.InsecureServer {
				certificates = goldenCertificates()
			}
			in := inputOf(c, certificates...)
			if filepath.Base(filepath.Dir(file)) == "minimal" {
				in.ErrorPages = testPages // once is enough to read
			}
			s, err := Build(in)
			if err != nil {
				t.Fatal(err)
			}
			got := readable(t, s)
			golden := filepath.Join(filepath.Dir(file), "snapshot.json")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("snapshot (-want +got), \"make golden\" writes it anew:\n%s", diff)
			}
		})
	}
}

// TestEnvoyTakesTheGoldenSnapshots gives each of them to the real Envoy, which
// refuses what only looks right.
func TestEnvoyTakesTheGoldenSnapshots(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(t.Context(), config.Options{File: file})
			if err != nil {
				t.Fatal(err)
			}
			if c.HTTPRedirectAddr != "" {
				c.HTTPRedirectAddr = freeAddress(t)
			}
			ca := newAuthority(t)
			in := inputOf(c, ca.issue(t, "app.example.com"), ca.issue(t, "*.example.com"))
			in.ErrorPages = testPages
			if said := open(t, in).output.String(); strings.Contains(strings.ToLower(said), "deprecated") {
				t.Errorf("envoy will not take this for long:\n%s", said)
			}
		})
	}
}

// goldenCertificates stand for two certificates; what is in them is not looked
// at but for the names.
func goldenCertificates() []*config.Certificate {
	return []*config.Certificate{
		{CertPEM: []byte("first certificate"), KeyPEM: "first key", Leaf: &x509.Certificate{DNSNames: []string{"login.example.com", "app.example.com"}}},
		{CertPEM: []byte("second certificate"), KeyPEM: "second key", Leaf: &x509.Certificate{DNSNames: []string{"*.example.com"}}},
	}
}

// readable writes a snapshot as JSON by type and name. Scripts are named, not
// repeated.
func readable(t *testing.T, s *Snapshot) []byte {
	t.Helper()
	all := make(map[string]map[string]json.RawMessage)
	for typeURL, list := range s.Resources() {
		byName := make(map[string]json.RawMessage)
		for _, r := range list {
			text, err := protojson.Marshal(r.Message)
			if err != nil {
				t.Fatal(err)
			}
			byName[r.Name] = text
		}
		all[filepath.Base(typeURL)] = byName
	}
	var compact, out bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	// protojson varies its spaces on purpose; json.Indent does not.
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	text := out.Bytes()
	for _, cookie := range []string{"_pomerium", "session"} {
		source, err := lua.CleanUpstream(cookie)
		if err != nil {
			t.Fatal(err)
		}
		text = nameScript(t, text, source, "clean-upstream.lua for "+cookie)
	}
	text = nameScript(t, text, lua.ClientCertificate(), "client-certificate.lua")
	text = nameScript(t, text, lua.RewriteHeaders(), "rewrite-headers.lua")
	return text
}

func nameScript(t *testing.T, text []byte, source, name string) []byte {
	t.Helper()
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(source); err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(text, bytes.TrimSpace(quoted.Bytes()), []byte(`"(`+name+`)"`))
}
