package config

import "time"

// Settings are the top-level keys of a configuration, in the groups that
// docs/reference.md uses. The tag `yaml` is the key; the tag `env` is set only
// where the environment variable is not the upper-case key; a default named in
// a comment is set in applyDefaults and nowhere else.
//
// A key that Cardea knows but does not do yet has no field here: it stands in
// later.go and is refused by name.
type Settings struct {
	// General, services and addresses.
	InstallationID             string          `yaml:"installation_id"`               // a label, free text
	Services                   string          `yaml:"services"`                      // default "all"; nothing else yet
	Address                    string          `yaml:"address"`                       // host:port of the main listener, default ":443"
	InsecureServer             bool            `yaml:"insecure_server"`               // plain HTTP towards clients
	HTTPRedirectAddr           string          `yaml:"http_redirect_addr"`            // host:port, "" is off
	GRPCAddress                string          `yaml:"grpc_address"`                  // kept for split mode; unused by all-in-one
	GRPCInsecure               *bool           `yaml:"grpc_insecure"`                 // kept for split mode
	GRPCClientTimeout          time.Duration   `yaml:"grpc_client_timeout"`           // ext_authz deadline, default 10s; 0 means 30s
	DebugAddress               *string         `yaml:"debug_address"`                 // host:port of pprof; nil or "" is off
	HealthCheckAddr            string          `yaml:"health_check_addr"`             // default "127.0.0.1:28080"
	HealthCheckSystemdDisabled bool            `yaml:"health_check_systemd_disabled"` // no sd_notify
	UseProxyProtocol           bool            `yaml:"use_proxy_protocol"`            // PROXY v1/v2 required on listeners
	CodecType                  CodecType       `yaml:"codec_type"`                    // default auto
	SharedSecret               Secret          `yaml:"shared_secret"`                 // base64 of 32 bytes
	SharedSecretFile           string          `yaml:"shared_secret_file"`            // beats shared_secret; trimmed
	RuntimeFlags               map[string]bool `yaml:"runtime_flags"`                 // merged over the defaults in flags.go
	DataDir                    string          `yaml:"data_dir"`                      // ours; default $XDG_DATA_HOME/cardea, else /var/lib/cardea for root
	EnvoyPath                  string          `yaml:"envoy_path"`                    // ours; "" is the embedded binary

	// Service URLs.
	AuthenticateServiceURL         URL     `yaml:"authenticate_service_url"`          // the sign-in host; required unless every route is on *.localhost
	AuthenticateInternalServiceURL URL     `yaml:"authenticate_internal_service_url"` // kept for split mode
	AuthorizeServiceURL            URL     `yaml:"authorize_service_url"`             // kept for split mode
	AuthorizeServiceURLs           []URL   `yaml:"authorize_service_urls"`            // kept for split mode
	AuthorizeInternalServiceURL    URL     `yaml:"authorize_internal_service_url"`    // kept for split mode
	DatabrokerServiceURL           URL     `yaml:"databroker_service_url"`            // kept for split mode
	DatabrokerServiceURLs          []URL   `yaml:"databroker_service_urls"`           // kept for split mode
	DatabrokerInternalServiceURL   URL     `yaml:"databroker_internal_service_url"`   // kept for split mode
	SignoutRedirectURL             URL     `yaml:"signout_redirect_url"`              // where a person lands after sign-out
	OverrideCertificateName        string  `yaml:"override_certificate_name"`
	DeviceAttestationCA            Base64  `yaml:"device_attestation_ca"`      // ours; PEM, in base64
	DeviceAttestationCAFile        string  `yaml:"device_attestation_ca_file"` // ours; PEM
	CertificateAuthority           Base64  `yaml:"certificate_authority"`      // PEM, in base64
	CertificateAuthorityFile       string  `yaml:"certificate_authority_file"` // PEM
	TLSDerive                      *string `yaml:"tls_derive"`                 // domain of the derived internal authority

	// Downstream certificates; the finished list is Config.Certificates.
	Certificate        Base64            `yaml:"certificate"`
	CertificateKey     Secret            `yaml:"certificate_key"` // PEM, in base64
	CertificateFile    string            `yaml:"certificate_file"`
	CertificateKeyFile string            `yaml:"certificate_key_file"`
	CertificatePairs   []CertificatePair `yaml:"certificates"`

	// Mutual TLS with clients.
	DownstreamMTLS DownstreamMTLS `yaml:"downstream_mtls"`

	// Identity provider.
	IDPProvider                    string            `yaml:"idp_provider"` // apple auth0 azure cognito github gitlab google local oidc okta onelogin ping
	IDPClientID                    string            `yaml:"idp_client_id"`
	IDPClientSecret                Secret            `yaml:"idp_client_secret"`
	IDPClientSecretFile            string            `yaml:"idp_client_secret_file"`             // beats idp_client_secret; trimmed
	IDPProviderURL                 URL               `yaml:"idp_provider_url"`                   // the issuer; presets in authenticate/idp
	IDPScopes                      []string          `yaml:"idp_scopes"`                         // replaces the preset's
	IDPRequestParams               map[string]string `yaml:"idp_request_params"`                 // replaces the preset's
	IDPAccessTokenAllowedAudiences *[]string         `yaml:"idp_access_token_allowed_audiences"` // nil is any audience
	BearerTokenFormat              string            `yaml:"bearer_token_format"`                // "" or "default"; the others are not supported yet
	Users                          []User            `yaml:"users"`                              // ours; people of idp_provider: local

	// Cookies and sessions.
	CookieName         string        `yaml:"cookie_name"` // default "_pomerium"
	CookieSecret       Secret        `yaml:"cookie_secret"`
	CookieSecretFile   string        `yaml:"cookie_secret_file"`
	CookieDomain       string        `yaml:"cookie_domain"`        // "" is host-only
	CookieHTTPOnly     bool          `yaml:"cookie_http_only"`     // default true
	CookieExpire       time.Duration `yaml:"cookie_expire"`        // absolute session lifetime, default 14h
	CookieSameSite     SameSite      `yaml:"cookie_same_site"`     // "" strict lax none
	SessionIdleTimeout time.Duration `yaml:"session_idle_timeout"` // ours; 0 is no idle limit

	// Identity headers and signing.
	PassIdentityHeaders *bool           `yaml:"pass_identity_headers"`
	JWTClaimsHeaders    ClaimHeaders    `yaml:"jwt_claims_headers"` // header -> claim
	JWTIssuerFormat     JWTIssuerFormat `yaml:"jwt_issuer_format"`
	SigningKey          Secret          `yaml:"signing_key"`      // PEM, raw or in base64
	SigningKeyFile      string          `yaml:"signing_key_file"` // trimmed

	// Response headers and HTTP behaviour.
	SetResponseHeaders                  map[string]string `yaml:"set_response_headers" env:"HEADERS"` // nil means the defaults of headers.go
	SkipXFFAppend                       bool              `yaml:"skip_xff_append"`
	XFFNumTrustedHops                   uint32            `yaml:"xff_num_trusted_hops"`
	NormalizePath                       bool              `yaml:"normalize_path"`                         // default true
	MergeSlashes                        bool              `yaml:"merge_slashes"`                          // default true
	PathWithEscapedSlashesAction        EscapedSlashes    `yaml:"path_with_escaped_slashes_action"`       // default reject_request
	HeadersWithUnderscoresAction        Underscores       `yaml:"headers_with_underscores_action"`        // default reject_request
	AllowUpgrades                       []string          `yaml:"allow_upgrades"`                         // lower-case upgrade names for every route
	ProgrammaticRedirectDomainWhitelist []string          `yaml:"programmatic_redirect_domain_whitelist"` // default [localhost]

	// Timeouts and limits.
	TimeoutRead              time.Duration   `yaml:"timeout_read"`             // default 30s
	TimeoutWrite             time.Duration   `yaml:"timeout_write"`            // default 0: no limit
	TimeoutIdle              time.Duration   `yaml:"timeout_idle"`             // default 5m
	DefaultUpstreamTimeout   time.Duration   `yaml:"default_upstream_timeout"` // default 30s
	CircuitBreakerThresholds *CircuitBreaker `yaml:"circuit_breaker_thresholds"`

	// DNS.
	DNSLookupFamily       DNSLookupFamily `yaml:"dns_lookup_family"` // default V4_PREFERRED
	DNSRefreshRate        *time.Duration  `yaml:"dns_refresh_rate"`
	DNSFailureRefreshRate *time.Duration  `yaml:"dns_failure_refresh_rate"`
	DNSQueryTimeout       *time.Duration  `yaml:"dns_query_timeout"`
	DNSQueryTries         *uint32         `yaml:"dns_query_tries"`
	DNSUDPMaxQueries      *uint32         `yaml:"dns_udp_max_queries"` // nil means 100
	DNSUseTCP             *bool           `yaml:"dns_use_tcp"`
	DNSResolvers          []string        `yaml:"dns_resolvers"` // udp://ip:port or tcp://ip:port

	// Policies that routes use by name; the finished form is Config.Policies.
	NamedPolicies []NamedPolicy `yaml:"policies"`   // ours
	PolicyDir     string        `yaml:"policy_dir"` // ours; a folder of files that are one policy each

	// The console for administrators; the finished form is Config.ConsoleRoles.
	Console Console `yaml:"console"` // ours

	// Databroker storage.
	DatabrokerStorageType                 string `yaml:"databroker_storage_type"`              // "file" (default) or "memory"
	DatabrokerStorageConnectionString     Secret `yaml:"databroker_storage_connection_string"` // file://DIR; default under DataDir
	DatabrokerStorageConnectionStringFile string `yaml:"databroker_storage_connection_string_file"`

	// Recorded decisions, for "cardea policy replay".
	DecisionLogMaxAge  time.Duration `yaml:"decision_log_max_age"`  // ours; default 24h, 0 records nothing
	DecisionLogMaxSize Size          `yaml:"decision_log_max_size"` // ours; default 64MiB, at least 8MiB

	// Metrics, logs, Envoy.
	MetricsAddress               string   `yaml:"metrics_address"` // host:port, "" is off
	LogLevel                     LogLevel `yaml:"log_level"`       // default info
	ProxyLogLevel                LogLevel `yaml:"proxy_log_level"` // default log_level
	AccessLogFields              []string `yaml:"access_log_fields"`
	AuthorizeLogFields           []string `yaml:"authorize_log_fields"`
	EnvoyAdminAddress            string   `yaml:"envoy_admin_address"` // host:port; "" keeps it on a private socket
	EnvoyAdminAccessLogPath      string   `yaml:"envoy_admin_access_log_path"`
	EnvoyAdminProfilePath        string   `yaml:"envoy_admin_profile_path"`
	EnvoyBindConfigSourceAddress string   `yaml:"envoy_bind_config_source_address"`
	EnvoyBindConfigFreebind      *bool    `yaml:"envoy_bind_config_freebind"`
}

// A CertificatePair names a certificate chain and its key, both PEM files.
type CertificatePair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// DownstreamMTLS says which client certificates are accepted, and who refuses
// the others. The finished form is Config.ClientCA and Config.ClientCRL.
type DownstreamMTLS struct {
	CA                   Base64          `yaml:"ca"`
	CAFile               string          `yaml:"ca_file"`
	CRL                  Base64          `yaml:"crl"`
	CRLFile              string          `yaml:"crl_file"`
	Enforcement          MTLSEnforcement `yaml:"enforcement"` // default policy_with_default_deny
	MatchSubjectAltNames []SANMatcher    `yaml:"match_subject_alt_names"`
	MaxVerifyDepth       *uint32         `yaml:"max_verify_depth"` // nil means 1; 0 means no limit
}

// CircuitBreaker holds Envoy's limits for one cluster; nil fields keep Envoy's.
type CircuitBreaker struct {
	MaxConnections     *uint32 `yaml:"max_connections"`
	MaxPendingRequests *uint32 `yaml:"max_pending_requests"`
	MaxRequests        *uint32 `yaml:"max_requests"`
	MaxRetries         *uint32 `yaml:"max_retries"`
	MaxConnectionPools *uint32 `yaml:"max_connection_pools"`
}

// A User is a person of the built-in identity provider. Without a hash, the
// provider makes a password at the first start and shows it once.
type User struct {
	Email        string   `yaml:"email"` // unique, compared without regard to case
	Name         string   `yaml:"name"`
	Groups       []string `yaml:"groups"`
	PasswordHash Secret   `yaml:"password_hash"` // argon2id, as printed by "cardea user hash"
}
