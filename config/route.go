package config

import (
	"net/url"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// A Route is one from -> to, with everything said about it. The tagged fields
// are keys of a route; the others are worked out by the loader and are what
// the parts read.
type Route struct {
	// ID is a hash over from, prefix, path, regex and the destination, in
	// lower-case hexadecimal. Two routes with one ID are refused.
	ID string `yaml:"-"`
	// Line is where the route begins in its file; 1-based.
	Line int `yaml:"-"`
	// Policy is the union of the shorthand keys, the PPL documents, the policies
	// by name (the enforced ones first) and sub_policies, and the default rule
	// against invalid client certificates, ready to compile.
	Policy policy.Source `yaml:"-"`
	// Certificate material named by the keys below, read and checked.
	UpstreamCA         []byte       `yaml:"-"` // PEM; nil means the trust of Config.UpstreamCA, else the system's
	UpstreamClientCert *Certificate `yaml:"-"`
	DownstreamClientCA []byte       `yaml:"-"` // PEM; nil means Config.ClientCA

	// Identity and matching.
	Name               string     `yaml:"name"`
	Description        string     `yaml:"description"`
	LogoURL            string     `yaml:"logo_url"`
	From               From       `yaml:"from"`
	To                 []Upstream `yaml:"to"`
	Redirect           *Redirect  `yaml:"redirect"`
	Response           *Response  `yaml:"response"`
	Verify             bool       `yaml:"verify"`  // ours: the built-in upstream that shows what an upstream receives
	Console            bool       `yaml:"console"` // ours: the built-in console for administrators
	Prefix             string     `yaml:"prefix"`
	Path               string     `yaml:"path"`
	Regex              string     `yaml:"regex"`
	RegexPriorityOrder *int64     `yaml:"regex_priority_order"`
	DependsOn          []string   `yaml:"depends_on"` // finished: hosts

	// Access control; the finished form is Policy.
	AllowPublicUnauthenticatedAccess bool                `yaml:"allow_public_unauthenticated_access"`
	AllowAnyAuthenticatedUser        bool                `yaml:"allow_any_authenticated_user"`
	AllowedUsers                     []string            `yaml:"allowed_users"`
	AllowedDomains                   []string            `yaml:"allowed_domains"`
	AllowedIDPClaims                 map[string][]string `yaml:"allowed_idp_claims"`
	CORSAllowPreflight               bool                `yaml:"cors_allow_preflight"`
	PolicyNames                      []string            `yaml:"policies"` // ours
	SubPolicies                      []SubPolicy         `yaml:"sub_policies"`
	// PPL under the key "policy" is kept in Policy.Documents.

	// Rewriting and headers.
	PrefixRewrite                    string            `yaml:"prefix_rewrite"`
	RegexRewritePattern              string            `yaml:"regex_rewrite_pattern"`
	RegexRewriteSubstitution         string            `yaml:"regex_rewrite_substitution"`
	HostRewrite                      string            `yaml:"host_rewrite"`
	HostRewriteHeader                string            `yaml:"host_rewrite_header"`
	HostPathRegexRewritePattern      string            `yaml:"host_path_regex_rewrite_pattern"`
	HostPathRegexRewriteSubstitution string            `yaml:"host_path_regex_rewrite_substitution"`
	PreserveHostHeader               bool              `yaml:"preserve_host_header"`
	SetRequestHeaders                map[string]string `yaml:"set_request_headers"` // may hold ${pomerium.*} tokens
	RemoveRequestHeaders             []string          `yaml:"remove_request_headers"`
	SetResponseHeaders               map[string]string `yaml:"set_response_headers"`
	RewriteResponseHeaders           []HeaderRewrite   `yaml:"rewrite_response_headers"`
	PassIdentityHeaders              *bool             `yaml:"pass_identity_headers"` // nil means Settings.PassIdentityHeaders
	JWTIssuerFormat                  JWTIssuerFormat   `yaml:"jwt_issuer_format"`     // "" means Settings.JWTIssuerFormat

	// Upstream connection.
	Timeout                       *time.Duration      `yaml:"timeout"`      // nil: see UpstreamTimeout
	IdleTimeout                   *time.Duration      `yaml:"idle_timeout"` // nil: Envoy's
	AllowWebsockets               bool                `yaml:"allow_websockets"`
	AllowSPDY                     bool                `yaml:"allow_spdy"`
	AllowUpgrades                 []string            `yaml:"allow_upgrades"` // nil means Settings.AllowUpgrades
	TLSSkipVerify                 bool                `yaml:"tls_skip_verify"`
	TLSServerName                 string              `yaml:"tls_server_name"`
	TLSUpstreamServerName         string              `yaml:"tls_upstream_server_name"` // beats tls_server_name
	TLSDownstreamServerName       string              `yaml:"tls_downstream_server_name"`
	TLSCustomCA                   Base64              `yaml:"tls_custom_ca"`
	TLSCustomCAFile               string              `yaml:"tls_custom_ca_file"`
	TLSClientCert                 Base64              `yaml:"tls_client_cert"`
	TLSClientKey                  Secret              `yaml:"tls_client_key"`
	TLSClientCertFile             string              `yaml:"tls_client_cert_file"`
	TLSClientKeyFile              string              `yaml:"tls_client_key_file"`
	TLSDownstreamClientCA         Base64              `yaml:"tls_downstream_client_ca"`
	TLSDownstreamClientCAFile     string              `yaml:"tls_downstream_client_ca_file"`
	TLSUpstreamAllowRenegotiation bool                `yaml:"tls_upstream_allow_renegotiation"`
	LoadBalancingPolicy           LoadBalancingPolicy `yaml:"load_balancing_policy"` // default round_robin
	HealthChecks                  []HealthCheck       `yaml:"health_checks"`
	OutlierDetection              *OutlierDetection   `yaml:"outlier_detection"`
	HealthyPanicThreshold         *uint32             `yaml:"healthy_panic_threshold"` // percent; nil means Envoy's 50
	CircuitBreakerThresholds      *CircuitBreaker     `yaml:"circuit_breaker_thresholds"`

	// Identity provider for this route alone: only the client may differ.
	IDPClientID                    string    `yaml:"idp_client_id"`
	IDPClientSecret                Secret    `yaml:"idp_client_secret"`
	IDPAccessTokenAllowedAudiences *[]string `yaml:"idp_access_token_allowed_audiences"`
	BearerTokenFormat              string    `yaml:"bearer_token_format"`

	ShowErrorDetails bool `yaml:"show_error_details"`
}

// A From is the external address of a route.
type From struct {
	Scheme string // "https" or "tcp+https"; "http" is read as "https"
	Host   string // lower case, without port; may hold "*" labels
	Port   string // "" when the URL names none
	Target string // tcp+https only: host:port that CONNECT must name
}

// An Upstream is one destination of a route.
type Upstream struct {
	URL    *url.URL // http https h2c tcp unix https+unix
	Weight uint32   // 0 when no entry carries one
}

// A Redirect answers with another address.
type Redirect struct {
	HTTPSRedirect  *bool   `yaml:"https_redirect"`
	SchemeRedirect *string `yaml:"scheme_redirect"`
	HostRedirect   *string `yaml:"host_redirect"`
	PortRedirect   *uint32 `yaml:"port_redirect"`
	PathRedirect   *string `yaml:"path_redirect"`
	PrefixRewrite  *string `yaml:"prefix_rewrite"`
	ResponseCode   *int32  `yaml:"response_code"` // 301 (default) 302 303 307 308
	StripQuery     *bool   `yaml:"strip_query"`
}

// A Response is a fixed answer.
type Response struct {
	Status uint32 `yaml:"status"`
	Body   string `yaml:"body"`
}

// A HeaderRewrite replaces a prefix of a response header's value.
type HeaderRewrite struct {
	Header string `yaml:"header"`
	Prefix string `yaml:"prefix"`
	Value  string `yaml:"value"`
}

// A HealthCheck is Envoy's active health check, with the field names of
// envoy.config.core.v3.HealthCheck.
type HealthCheck struct {
	Timeout                      time.Duration    `yaml:"timeout"`
	Interval                     time.Duration    `yaml:"interval"`
	InitialJitter                time.Duration    `yaml:"initial_jitter"`
	IntervalJitter               time.Duration    `yaml:"interval_jitter"`
	IntervalJitterPercent        uint32           `yaml:"interval_jitter_percent"`
	UnhealthyThreshold           *uint32          `yaml:"unhealthy_threshold"`
	HealthyThreshold             *uint32          `yaml:"healthy_threshold"`
	ReuseConnection              *bool            `yaml:"reuse_connection"`
	NoTrafficInterval            time.Duration    `yaml:"no_traffic_interval"`
	NoTrafficHealthyInterval     time.Duration    `yaml:"no_traffic_healthy_interval"`
	UnhealthyInterval            time.Duration    `yaml:"unhealthy_interval"`
	UnhealthyEdgeInterval        time.Duration    `yaml:"unhealthy_edge_interval"`
	HealthyEdgeInterval          time.Duration    `yaml:"healthy_edge_interval"`
	AlwaysLogHealthCheckFailures bool             `yaml:"always_log_health_check_failures"`
	HTTP                         *HTTPHealthCheck `yaml:"http_health_check"`
	TCP                          *TCPHealthCheck  `yaml:"tcp_health_check"`
	GRPC                         *GRPCHealthCheck `yaml:"grpc_health_check"`
}

// HTTPHealthCheck asks for a path; ranges are [start, end).
type HTTPHealthCheck struct {
	Host              string        `yaml:"host"`
	Path              string        `yaml:"path"`
	ExpectedStatuses  []StatusRange `yaml:"expected_statuses"`
	RetriableStatuses []StatusRange `yaml:"retriable_statuses"`
	CodecClientType   string        `yaml:"codec_client_type"` // HTTP1 (default) or HTTP2
}

// A StatusRange is the half-open range [Start, End) of HTTP statuses.
type StatusRange struct {
	Start int64 `yaml:"start"`
	End   int64 `yaml:"end"`
}

// TCPHealthCheck sends and expects bytes.
type TCPHealthCheck struct {
	Send    *Payload  `yaml:"send"`
	Receive []Payload `yaml:"receive"`
}

// A Payload is hexadecimal text or base64 bytes.
type Payload struct {
	Text   string `yaml:"text"`   // hexadecimal
	Binary Base64 `yaml:"binary"` // base64
}

// GRPCHealthCheck asks grpc.health.v1.
type GRPCHealthCheck struct {
	ServiceName string `yaml:"service_name"`
	Authority   string `yaml:"authority"`
}

// OutlierDetection has the field names and units of
// envoy.config.cluster.v3.OutlierDetection; nil keeps Envoy's default.
type OutlierDetection struct {
	Consecutive5xx                         *uint32        `yaml:"consecutive_5xx"`
	Interval                               *time.Duration `yaml:"interval"`
	BaseEjectionTime                       *time.Duration `yaml:"base_ejection_time"`
	MaxEjectionPercent                     *uint32        `yaml:"max_ejection_percent"`
	EnforcingConsecutive5xx                *uint32        `yaml:"enforcing_consecutive_5xx"`
	EnforcingSuccessRate                   *uint32        `yaml:"enforcing_success_rate"`
	SuccessRateMinimumHosts                *uint32        `yaml:"success_rate_minimum_hosts"`
	SuccessRateRequestVolume               *uint32        `yaml:"success_rate_request_volume"`
	SuccessRateStdevFactor                 *uint32        `yaml:"success_rate_stdev_factor"`
	ConsecutiveGatewayFailure              *uint32        `yaml:"consecutive_gateway_failure"`
	EnforcingConsecutiveGatewayFailure     *uint32        `yaml:"enforcing_consecutive_gateway_failure"`
	SplitExternalLocalOriginErrors         bool           `yaml:"split_external_local_origin_errors"`
	ConsecutiveLocalOriginFailure          *uint32        `yaml:"consecutive_local_origin_failure"`
	EnforcingConsecutiveLocalOriginFailure *uint32        `yaml:"enforcing_consecutive_local_origin_failure"`
	EnforcingLocalOriginSuccessRate        *uint32        `yaml:"enforcing_local_origin_success_rate"`
	FailurePercentageThreshold             *uint32        `yaml:"failure_percentage_threshold"`
	EnforcingFailurePercentage             *uint32        `yaml:"enforcing_failure_percentage"`
	EnforcingFailurePercentageLocalOrigin  *uint32        `yaml:"enforcing_failure_percentage_local_origin"`
	FailurePercentageMinimumHosts          *uint32        `yaml:"failure_percentage_minimum_hosts"`
	FailurePercentageRequestVolume         *uint32        `yaml:"failure_percentage_request_volume"`
	MaxEjectionTime                        *time.Duration `yaml:"max_ejection_time"`
	MaxEjectionTimeJitter                  *time.Duration `yaml:"max_ejection_time_jitter"`
	SuccessfulActiveHealthCheckUnejectHost *bool          `yaml:"successful_active_health_check_uneject_host"`
	AlwaysEjectOneHost                     *bool          `yaml:"always_eject_one_host"`
}
