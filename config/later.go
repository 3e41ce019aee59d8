package config

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// notYet is what is said of a key that Cardea knows and does not do.
const notYet = "not supported yet"

// A laterKey is such a key. It is refused by name, so that nobody believes
// in a protection that is not there; a value that turns it off is fine.
type laterKey struct {
	harmless []string // values that ask for nothing, besides the empty ones
	instead  string   // what can be written today, "" for nothing
}

// off reports whether n asks for nothing.
func (k laterKey) off(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return len(n.Content) == 0
	}
	for _, v := range append([]string{"", "false", "0"}, k.harmless...) {
		if strings.EqualFold(n.Value, v) {
			return true
		}
	}
	return isNull(n)
}

// laterSettings are the top-level keys to come.
var laterSettings = map[string]laterKey{
	"autocert":                 {instead: "certificates or certificate_file and certificate_key_file"},
	"autocert_ca":              {},
	"autocert_dir":             {},
	"autocert_eab_key_id":      {},
	"autocert_eab_mac_key":     {},
	"autocert_email":           {},
	"autocert_must_staple":     {},
	"autocert_trusted_ca":      {},
	"autocert_trusted_ca_file": {},
	"autocert_use_staging":     {},

	"auto_apply_changesets":         {},
	"blob_storage":                  {},
	"pomerium_zero_token":           {},
	"session_recording_concurrency": {},
	"envoy_dynamic_extensions":      {},
	"identity_providers":            {},
	"jwt_groups_filter":             {},
	"google_cloud_serverless_authentication_service_account": {},

	"databroker_cluster_leader_id": {},
	"databroker_cluster_node_id":   {},
	"databroker_cluster_nodes":     {},
	"databroker_raft_bind_address": {},

	"metrics_basic_auth":           {},
	"metrics_certificate":          {},
	"metrics_certificate_file":     {},
	"metrics_certificate_key":      {},
	"metrics_certificate_key_file": {},
	"metrics_client_ca":            {},
	"metrics_client_ca_file":       {},

	"otel_attribute_value_length_limit":  {},
	"otel_bsp_max_export_batch_size":     {},
	"otel_bsp_schedule_delay":            {},
	"otel_exporter_otlp_endpoint":        {},
	"otel_exporter_otlp_headers":         {},
	"otel_exporter_otlp_protocol":        {},
	"otel_exporter_otlp_timeout":         {},
	"otel_exporter_otlp_traces_endpoint": {},
	"otel_exporter_otlp_traces_headers":  {},
	"otel_exporter_otlp_traces_protocol": {},
	"otel_exporter_otlp_traces_timeout":  {},
	"otel_log_level":                     {},
	"otel_resource_attributes":           {},
	"otel_traces_exporter":               {harmless: []string{"none", "noop"}},
	"otel_traces_sampler_arg":            {},

	"mcp_allowed_as_metadata_domains": {},
	"mcp_allowed_client_id_domains":   {},
	"ssh_address":                     {},
	"ssh_host_key_files":              {},
	"ssh_host_keys":                   {},
	"ssh_rls_additional_entries":      {},
	"ssh_rls_enabled":                 {},
	"ssh_user_ca_key":                 {},
	"ssh_user_ca_key_file":            {},
}

// laterRoute are the keys of a route to come.
var laterRoute = map[string]laterKey{
	"enable_google_cloud_serverless_authentication": {},
	"identity_providers":                            {},
	"jwt_groups_filter":                             {},
	"kubernetes_service_account_token":              {},
	"kubernetes_service_account_token_file":         {},
	"mcp":                                           {},
	"session_recording":                             {},
	"upstream_tunnel":                               {},
}
