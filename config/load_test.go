package config

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/policy"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pelletier/go-toml/v2"
	"gopkg.in/yaml.v3"
)

// loadText loads a document given as text.
func loadText(t *testing.T, name, text string) (*Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	put(t, file, text)
	return Load(t.Context(), Options{File: file})
}

// mustLoad loads a YAML document that is right.
func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	c, err := loadText(t, "config.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const everything = "testdata/good/everything.yaml"

// elsewhere are the keys that the everything file cannot show, because they
// need files, certificates or what another of its keys excludes. Tests of
// their own set them.
var elsewhere = regexp.MustCompile(`_file$|certificate|^downstream_mtls|^users|^signing_key|^databroker_storage_connection_string|` +
	`^timeout_write$|^console\.address$|^policy_dir$|^policies\.file$|bearer_token_format$|tcp_health_check|tls_custom_ca|^device_attestation_ca|tls_client|tls_downstream_client_ca|\.weight$`)

func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	c, err := Load(t.Context(), Options{File: everything})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	collect(reflect.ValueOf(c.Settings), "", seen)
	for _, r := range c.Routes {
		collect(reflect.ValueOf(*r), "routes", seen)
	}
	for key, set := range seen {
		if !set && !elsewhere.MatchString(key) {
			t.Errorf("%s is in the file and was not read", key)
		}
	}
}

// collect marks for every tagged field whether some value of it is not zero.
func collect(v reflect.Value, key string, seen map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), key, seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), key, seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
				under := join(key, tag)
				// false and 0 are as good as anything where only they differ from the default.
				said := strings.HasSuffix(tag, "cookie_http_only") || tag == "normalize_path" || tag == "merge_slashes"
				seen[under] = seen[under] || said || !v.Field(i).IsZero()
				collect(v.Field(i), under, seen)
			}
		}
	}
}

func TestValuesMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	c, err := Load(t.Context(), Options{File: everything})
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	app := c.Routes[1]
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"policy comes before routes", c.Routes[0].From, From{Scheme: "https", Host: "verify.example.com"}},
		{"a host is lower case and keeps its port", app.From, From{Scheme: "https", Host: "app.example.com", Port: "8443"}},
		{"nested destinations are one list with weights", app.To,
			[]Upstream{{at("http://10.0.0.1:8080/base"), 2}, {at("https://backend.example.com"), 3}}},
		{"depends_on becomes hosts", app.DependsOn, []string{"other.example.com", "third.example.com"}},
		{"a timeout of 0 is said", *app.Timeout, time.Duration(0)},
		{"an empty list is not an absent one", app.AllowUpgrades, []string{}},
		{"an empty list behind a pointer too", *c.IDPAccessTokenAllowedAudiences, []string{}},
		{"claims keep their case", app.AllowedIDPClaims, map[string][]string{"Team": {"red", "blue"}, "level": {"3"}}},
		{"parameters keep their case", c.IDPRequestParams, map[string]string{"hd": "example.com", "Prompt": "login"}},
		{"claim headers are lower case, claims are not", c.JWTClaimsHeaders, ClaimHeaders{"x-email": "email", "x-team": "Team"}},
		{"a list may be text with commas", c.IDPScopes, []string{"openid", "profile", "email"}},
		{"a word without its prefix", c.JWTIssuerFormat, IssuerURI},
		{"a word by its ending", c.PathWithEscapedSlashesAction, SlashesKeep},
		{"a word with its prefix", app.LoadBalancingPolicy, LBMaglev},
		{"a level by its synonym", c.LogLevel, LogLevel("warn")},
		{"another level by its synonym", c.ProxyLogLevel, LogLevel("disabled")},
		{"a family in the other case", c.DNSLookupFamily, DNSV4Only},
		{"an own key wins over a merged one", *app.CircuitBreakerThresholds.MaxRetries, uint32(9)},
		{"a merged key is there", *app.CircuitBreakerThresholds.MaxRequests, uint32(3)},
		{"flags have no case", c.Flag(FlagRoutesPortal), false},
		{"flags are merged over the defaults", c.Flag(FlagHotReload), true},
		{"the shorthand is in the policy", app.Policy.Shorthand, policy.Shorthand{
			CORSPreflight: true, Users: []string{"ada@example.com"}, Domains: []string{"example.com"},
			Claims: map[string][]string{"Team": {"red", "blue"}, "level": {"3"}}}},
		{"the document is in the policy", len(app.Policy.Documents), 1},
		{"a secret is decoded", string(c.SharedKey), "secretsecretsecretsecretsecret12"},
		{"the line of a route is known", app.Line, 123},
		{"an enforced policy comes before a named one, and that before the route's own", names(app), []string{"written", "team/ops", "Contractors"}},
		{"a size", c.DecisionLogMaxSize, Size(128 << 20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFormatsAreEqual writes one configuration in three languages.
func TestFormatsAreEqual(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(everything)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.MarshalIndent(tree, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	asTOML, err := toml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Load(t.Context(), Options{File: everything})
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]string{"config.json": string(asJSON), "config.toml": string(asTOML)} {
		got, err := loadText(t, name, other)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Config{}, "Document", "Files", "Warnings", "Policies"), cmpopts.IgnoreFields(Route{}, "Line"),
			cmpopts.IgnoreTypes(PPL{}, Rego{}, Criterion{}), // their meaning is in the policies
			cmp.Comparer(func(a, b policy.Source) bool { return digest(t, a) == digest(t, b) })); diff != "" {
			t.Errorf("%s (-yaml +other):\n%s", name, diff)
		}
	}
}

func digest(t *testing.T, s policy.Source) string {
	t.Helper()
	p, err := policy.Compile(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return p.Digest()
}

func TestLinesOfOtherFormats(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, file, text, want string }{
		{"JSON", "c.json", "{\n \"routes\": [\n  {\"from\": \"https://a.localhost\",\n   \"to\": \"b:80\"}\n ]\n}", ":4: routes[0].to: " + wantSome},
		{"JSON given twice", "c.json", "{\"address\": \":1\",\n\"address\": \":2\"}", ":2: address: given twice, first on line 1"},
		{"JSON cut short", "c.json", "{\n\"address\":", ":2: not JSON: unexpected end"},
		{"JSON with a comment", "c.json", "{\n// no\n}", ":2: not JSON: invalid character '/'"},
		{"JSON with more behind it", "c.json", "{}\n{}", ":2: not JSON: invalid character '{' after"},
		{"JSON that is deep", "c.json", strings.Repeat("[", 200) + strings.Repeat("]", 200), ":1: want at most 100 levels"},
		{"TOML table", "c.toml", "address = ':1'\n\n[[routes]]\nfrom = 'https://a.localhost'\nto = 'b:80'\n", ":5: routes[0].to: " + wantSome},
		{"TOML inline", "c.toml", "routes = [\n {from = 'https://a.localhost', to = 'http://b'},\n {from = 'https://c.localhost', to = 'b:80'}]", ":3: routes[1].to: " + wantSome},
		{"TOML dotted", "c.toml", "downstream_mtls.enforcement = 'sometimes'", ":1: downstream_mtls.enforcement: want policy_with"},
		{"TOML given twice", "c.toml", "address = ':1'\naddress = ':2'", ":2: not TOML: key address is already defined"},
		{"TOML that is none", "c.toml", "a = 1\nb", ":2: not TOML"},
		{"YAML that is none", "c.yaml", "a: 1\n\tb: 2", ":2: not YAML: found a tab"},
		{"YAML that is deep", "c.yaml", "allow_upgrades: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), ":1: allow_upgrades[0]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := loadText(t, tc.file, tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.file+tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

// wantSome is how the wish for a destination begins.
const wantSome = "want an absolute https URL"

// names are those of the policies of a route, in their order.
func names(r *Route) []string {
	var list []string
	for _, p := range r.Policy.Policies {
		list = append(list, p.Name)
	}
	return list
}
