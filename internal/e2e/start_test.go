package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// aRoute is the least configuration that serves.
const aRoute = `
routes:
  - {from: 'https://app.localhost', verify: true, allow_public_unauthenticated_access: true}
`

// badStarts are configurations that must not run. PEM files stand beside them:
// good.pem with good-key.pem, other-key.pem, and junk.pem.
var badStarts = []struct {
	name, configuration string
	want                []string // expressions, each on a line of its own
}{
	{"an unknown key, with a suggestion", "adress: :1\n" + aRoute, []string{`config\.yaml:\d+: adress: .*did you mean.*address`}},
	{"an unknown key of a route", "routes:\n  - {from: 'https://a.localhost', verify: true, allowed_user: [a@b.example]}\n", []string{`config\.yaml:\d+: routes\[0\]\.allowed_user: .*did you mean.*allowed_users`}},
	{"a value of the wrong type", "cookie_expire: [1]\n" + aRoute, []string{`config\.yaml:\d+: cookie_expire: want`}},
	{"a key given twice", "cookie_name: a\ncookie_name: b\n" + aRoute, []string{`config\.yaml:\d+: cookie_name: `}},
	{"a key given twice in a route", "routes:\n  - from: https://a.localhost\n    verify: true\n    allowed_users: [a@b.example]\n    allowed_users: [c@d.example]\n", []string{`config\.yaml:\d+: routes\[0\]\.allowed_users: `}},
	{"an unknown criterion", "routes:\n  - {from: 'https://a.localhost', verify: true, policy: [{allow: {or: [{emial: {is: a@b.example}}]}}]}\n", []string{`config\.yaml:\d+:\d+: routes\[0\]\.policy.*emial`}},
	{"an operator that a criterion does not have", "routes:\n  - {from: 'https://a.localhost', verify: true, policy: [{allow: {or: [{email: {like: a@b.example}}]}}]}\n", []string{`config\.yaml:\d+:\d+: routes\[0\]\.policy.*like`}},
	{"an operator without criteria", "routes:\n  - {from: 'https://a.localhost', verify: true, policy: [{allow: {not: []}}]}\n", []string{`config\.yaml:\d+:\d+: routes\[0\]\.policy.*not`}},
	{"a certificate that cannot be read", "certificate_file: $DIR/missing.pem\ncertificate_key_file: $DIR/good-key.pem\n" + aRoute, []string{`config\.yaml:\d+: certificate_file: no such file`}},
	{"a certificate that is none", "certificate_file: $DIR/junk.pem\ncertificate_key_file: $DIR/good-key.pem\n" + aRoute, []string{`config\.yaml:\d+: certificate_file: `}},
	{"a key of another certificate", "certificate_file: $DIR/good.pem\ncertificate_key_file: $DIR/other-key.pem\n" + aRoute, []string{`config\.yaml:\d+: certificate_key_file: .*(match|belong)`}},
	{"two routes with one identity", "routes:\n  - {from: 'https://a.localhost', to: 'http://127.0.0.1:1', allowed_users: [a@b.example]}\n  - {from: 'https://a.localhost', to: 'http://127.0.0.1:1', allow_public_unauthenticated_access: true}\n", []string{`config\.yaml:\d+: routes\[1\]: same route as routes\[0\]`}},
	{"a secret of the wrong length", "shared_secret: c2hvcnQ=\n" + aRoute, []string{`config\.yaml:\d+: shared_secret: .*32 bytes`}},
	{"a secret that is not base64", "shared_secret: '***'\n" + aRoute, []string{`config\.yaml:\d+: shared_secret: .*base64`}},
	{"a key that is not supported yet", "autocert: true\n" + aRoute, []string{`config\.yaml:\d+: autocert: .*not supported yet`}},
	{"a route that leads nowhere", "routes:\n  - {from: 'https://a.localhost', allowed_users: [a@b.example]}\n", []string{`config\.yaml:\d+: routes\[0\]: `}},
	{"a file that is no YAML", "routes: [\n", []string{`config\.yaml:\d+: `}},
	{"everything at once", "adress: :1\ncookie_expire: [1]\nshared_secret: c2hvcnQ=\nroutes:\n  - {from: 'https://a.localhost', to: 'b:80'}\n", []string{
		`config\.yaml:\d+: adress: `, `config\.yaml:\d+: cookie_expire: `, `config\.yaml:\d+: shared_secret: `, `config\.yaml:\d+: routes\[0\]\.to: `}},
	{"an Envoy that is not there", "envoy_path: $DIR/missing\n" + aRoute, []string{`cardea: .*missing`}},
	{"an Envoy that is something else", "envoy_path: /bin/true\n" + aRoute, []string{`cardea: .*`}},
}

func TestBadStarts(t *testing.T) {
	root := newAuthority(t, "root")
	good, other := root.server(t, "app.localhost"), root.server(t, "app.localhost")
	for _, tc := range badStarts {
		t.Run(tc.name, func(t *testing.T) {
			in := install(t, tc.configuration)
			t.Cleanup(in.remove)
			for name, text := range map[string]string{
				"good.pem": good.certPEM(), "good-key.pem": good.keyPEM(t), "other-key.pem": other.keyPEM(t), "junk.pem": "junk",
			} {
				in.writeFile(t, name, text)
			}
			in.begin(t)
			in.refuses(t, tc.want...)
		})
	}
}

// refuses waits for the end and looks at what a person reads then.
func (in *instance) refuses(t *testing.T, want ...string) {
	t.Helper()
	if code := in.wait(t); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	said := shorten(in.words.text())
	for _, expression := range want {
		if !regexp.MustCompile("(?m)^.*" + expression).MatchString(said) {
			t.Errorf("no line matches %s:\n%s", expression, said)
		}
	}
	if strings.Contains(said, ".go:") || strings.Contains(said, "goroutine ") || strings.Contains(said, "panic") {
		t.Errorf("this is for programmers:\n%s", said)
	}
	if strings.Contains(said, "Cardea is ready") {
		t.Errorf("it began to serve:\n%s", said)
	}
}

func TestAPortInUse(t *testing.T) {
	in := install(t, aRoute)
	t.Cleanup(in.remove)
	l, err := net.Listen("tcp", in.address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in.begin(t)
	in.refuses(t, in.port+`.*in use`)
}

func TestAHealthPortInUse(t *testing.T) {
	in := install(t, aRoute)
	t.Cleanup(in.remove)
	l, err := net.Listen("tcp", in.health)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	in.begin(t)
	in.refuses(t, `health_check_addr.*in use`)
}

func TestAMissingConfiguration(t *testing.T) {
	in := install(t, aRoute)
	t.Cleanup(in.remove)
	in.file = filepath.Join(in.dir, "missing.yaml")
	in.begin(t)
	in.refuses(t, `missing\.yaml`)
}

// newSecret is a shared secret as the configuration takes it.
func newSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.StdEncoding.EncodeToString(secret)
}

func TestAStoreOfAnotherKey(t *testing.T) {
	in := launch(t, "shared_secret: "+newSecret()+aRoute)
	in.stop(t)
	in.write(t, "shared_secret: "+newSecret()+aRoute)
	in.begin(t)
	in.refuses(t, `another shared_secret`)
}

func TestAStoreThatIsDamaged(t *testing.T) {
	in := launch(t, aRoute)
	in.stop(t)
	path := filepath.Join(in.dir, "data", "databroker", "records.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("damaged ", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	in.begin(t)
	in.refuses(t, `records\.db`)
}

func TestASecondProcessOnOneDataFolder(t *testing.T) {
	in := launch(t, aRoute)
	second := install(t, "data_dir: "+filepath.Join(in.dir, "data")+aRoute)
	t.Cleanup(second.remove)
	second.begin(t)
	second.refuses(t, `in use by another process`)
	in.client(t, clientOptions{}).get(t, in.at("app.localhost/")).want(t, 200)
}

func TestASecretThatOthersCanRead(t *testing.T) {
	in := launch(t, aRoute)
	in.stop(t)
	if err := os.Chmod(filepath.Join(in.dir, "data", "shared_secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	in.begin(t)
	in.refuses(t, `can be read by others`)
}

// TestWhatIsKept looks at the rights of everything in the data folder.
func TestWhatIsKept(t *testing.T) {
	in := launch(t, aRoute)
	data := filepath.Join(in.dir, "data")
	err := filepath.Walk(data, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if others := info.Mode().Perm() & 0o077; others != 0 && filepath.Base(path) != "local-ca.pem" {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
