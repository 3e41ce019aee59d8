package config

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadEnv loads a document with variables over it. The process has one
// environment, so these tests run alone.
func loadEnv(t *testing.T, text string, env map[string]string) (*Config, error) {
	t.Helper()
	for _, k := range envKeys() {
		t.Setenv(k.name, "") // an empty variable is none
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	file := t.TempDir() + "/config.yaml"
	put(t, file, text)
	return Load(t.Context(), Options{File: file, Env: Environment()})
}

func TestEnvironmentBeatsTheDocument(t *testing.T) {
	routes := base64.StdEncoding.EncodeToString([]byte("- from: https://env.localhost\n  to: http://b\n  allowed_users: [a]\n"))
	c, err := loadEnv(t, "cookie_name: file\n", map[string]string{
		"COOKIE_NAME": "variable", "COOKIE_EXPIRE": "2h", "NORMALIZE_PATH": "false", "CODEC_TYPE": "HTTP1",
		"DEBUG_ADDRESS": "127.0.0.1:9000", "ALLOW_UPGRADES": "websocket, tcp",
		"RUNTIME_FLAGS": `{"pomerium_jwt_endpoint":true}`, "HEADERS": "X-Env:a:b, X-More: c",
		"IDP_PROVIDER": "local", "USERS": `[{"email":"ada@example.com","groups":["g"]}]`, "ROUTES": routes,
		"XFF_NUM_TRUSTED_HOPS": "2", "JWT_CLAIMS_HEADERS": "email groups",
		"CIRCUIT_BREAKER_THRESHOLDS_MAX_RETRIES": "7", "DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH": "5",
		"AUTHORIZE_SERVICE_URLS": "http://a:1,http://b:2", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
		"IDP_ACCESS_TOKEN_ALLOWED_AUDIENCES": "one,two",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"text", c.CookieName, "variable"},
		{"duration", c.CookieExpire.String(), "2h0m0s"},
		{"bool", c.NormalizePath, false},
		{"word", c.CodecType, CodecHTTP1},
		{"pointer", *c.DebugAddress, "127.0.0.1:9000"},
		{"list", c.AllowUpgrades, []string{"websocket", "tcp"}},
		{"list behind a pointer", *c.IDPAccessTokenAllowedAudiences, []string{"one", "two"}},
		{"flags", c.Flag(FlagJWTEndpoint), true},
		{"headers as pairs", c.SetResponseHeaders, map[string]string{"X-Env": "a:b", "X-More": "c"}},
		{"claims as words", c.JWTClaimsHeaders, ClaimHeaders{"x-pomerium-claim-email": "email", "x-pomerium-claim-groups": "groups"}},
		{"objects", c.Users, []User{{Email: "ada@example.com", Groups: []string{"g"}}}},
		{"number", c.XFFNumTrustedHops, uint32(2)},
		{"nested", *c.DownstreamMTLS.MaxVerifyDepth, uint32(5)},
		{"nested behind a pointer", *c.CircuitBreakerThresholds.MaxRetries, uint32(7)},
		{"URLs", len(c.AuthorizeServiceURLs), 2},
		{"routes", c.Routes[0].From.Host, "env.localhost"},
		{"what platforms set is only remarked on", c.Warnings[0].Error(), "environment: OTEL_EXPORTER_OTLP_ENDPOINT: not supported yet"},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestWhatIsReplacedCannotBeWrong(t *testing.T) {
	_, err := loadEnv(t, `
address: wrong
xff_num_trusted_hops: many
downstream_mtls: {max_verify_depth: many, enforcement: nonsense}
routes: [{from: "https://file.localhost", nonsense: true}]
`, map[string]string{
		"ADDRESS":                          ":8443",
		"XFF_NUM_TRUSTED_HOPS":             "2",
		"DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH": "5",
		"ROUTES":                           base64.StdEncoding.EncodeToString([]byte("[]")),
	})
	var all Errors
	if !errors.As(err, &all) || len(all) != 1 || all[0].Key != "downstream_mtls.enforcement" {
		t.Fatalf("error %v, want only that of downstream_mtls.enforcement", err)
	}
}

func TestEnvironmentErrorsNameTheVariable(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tc := range []struct{ name, value, want string }{
		{"COOKIE_EXPIRE", "14", `environment: COOKIE_EXPIRE: want a duration such as "30s" or "1h30m"`},
		{"DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH", "x", "environment: DOWNSTREAM_MTLS_MAX_VERIFY_DEPTH: want a whole number from 0 to 4294967295"},
		{"RUNTIME_FLAGS", `{"mpc":true}`, `environment: RUNTIME_FLAGS.mpc: unknown flag (did you mean "mcp"?)`},
		{"RUNTIME_FLAGS", `{"mcp":true,"mcp":false}`, "environment: RUNTIME_FLAGS.mcp: given twice, first on line 1"},
		{"RUNTIME_FLAGS", `{`, "environment: RUNTIME_FLAGS: want JSON"},
		{"HEADERS", "X-A", `environment: HEADERS: want a JSON object or "Name:value,Name:value"`},
		{"SHARED_SECRET", "c2hvcnQ=", "environment: SHARED_SECRET: want base64 of 32 bytes, such as `head -c32 /dev/urandom | base64` prints"},
		{"ROUTES", "***", "environment: ROUTES: want base64 of a YAML list of routes"},
		{"ROUTES", encode("{}"), "environment: ROUTES: want a list of routes"},
		{"POLICY", encode("[{from: 'https://a.localhost', to: 'b:80'}]"), "environment: POLICY[0].to: want an absolute https URL (or http, h2c, tcp, unix or https+unix)"},
		{"AUTOCERT", "true", "environment: AUTOCERT: not supported yet; want certificates or certificate_file and certificate_key_file"},
		{"POLICY_FILE", "p.yaml", "environment: POLICY_FILE: removed from the configuration; want the routes under routes"},
		{"SHARED_SECRET_FILE", "/does/not/exist", "environment: SHARED_SECRET_FILE: no such file; want a readable file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := loadEnv(t, "", map[string]string{tc.name: tc.value})
			if err == nil || err.Error() != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
		})
	}
}

func TestNoDocument(t *testing.T) {
	t.Parallel()
	c, err := Load(t.Context(), Options{})
	if err != nil || len(c.Files) != 0 {
		t.Errorf("Load without a document: %v", err)
	}
	if _, err := Load(t.Context(), Options{File: "does-not-exist.yaml"}); err == nil ||
		err.Error() != "does-not-exist.yaml: no such file; want a readable file" {
		t.Errorf("missing document: %v", err)
	}
}
