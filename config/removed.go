package config

// removedSettings are keys that earlier versions of the format had, with what
// to write instead.
var removedSettings = map[string]string{
	"client_ca":                         "downstream_mtls.ca",
	"client_ca_file":                    "downstream_mtls.ca_file",
	"idp_service_account":               "groups from the provider's claims",
	"idp_refresh_directory_timeout":     "groups from the provider's claims",
	"idp_refresh_directory_interval":    "groups from the provider's claims",
	"idp_qps":                           "groups from the provider's claims",
	"policy_file":                       "the routes under routes",
	"tracing_provider":                  "no tracing key",
	"tracing_sample_rate":               "no tracing key",
	"tracing_datadog_address":           "no tracing key",
	"tracing_jaeger_collector_endpoint": "no tracing key",
	"tracing_jaeger_agent_endpoint":     "no tracing key",
	"tracing_zipkin_endpoint":           "no tracing key",
}

// removedRoute are such keys of a route.
var removedRoute = map[string]string{
	"allowed_groups":           "a policy with the criterion groups",
	"set_authorization_header": "set_request_headers with ${pomerium.access_token} or ${pomerium.id_token}",
}
