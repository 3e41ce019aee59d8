package config

// The runtime flags that code asks for by name.
const (
	FlagAnySignOutRedirect  = "allow_any_sign_out_redirect_uri"
	FlagSyncedData          = "authorize_use_synced_data"
	FlagHotReload           = "config_hot_reload"
	FlagDebugAdminEndpoints = "debug_admin_endpoints"
	FlagResourceManager     = "envoy_resource_manager"
	FlagAnyIncomingPort     = "match_any_incoming_port"
	FlagJWTEndpoint         = "pomerium_jwt_endpoint"
	FlagRefreshAtIDToken    = "refresh_session_at_id_token_expiration"
	FlagRoutesPortal        = "routes_portal"
	FlagEnvoyConcurrency    = "set_envoy_concurrency_to_go_max_procs"
)

// defaultFlags are all runtime flags with what they are when nothing is said.
// Those whose feature does not exist yet are off and cannot be turned on; mcp
// is among them, and true is taken for it because it is often written.
func defaultFlags() map[string]bool {
	return map[string]bool{
		"add_extra_metrics_labels":        true,
		FlagAnySignOutRedirect:            false,
		FlagSyncedData:                    true,
		FlagHotReload:                     true,
		FlagDebugAdminEndpoints:           false,
		FlagResourceManager:               true,
		"grpc_databroker_keepalive":       true,
		FlagAnyIncomingPort:               true,
		"mcp":                             false,
		"mcp_dynamic_client_registration": false,
		FlagJWTEndpoint:                   false,
		FlagRefreshAtIDToken:              true,
		FlagRoutesPortal:                  true,
		FlagEnvoyConcurrency:              true,
		"ssh_allow_direct_tcpip":          false,
		"ssh_routes_portal":               false,
		"ssh_upstream_tunnel":             false,
	}
}

// laterFlags are the flags of features that do not exist yet.
var laterFlags = []string{
	"mcp_dynamic_client_registration",
	"ssh_allow_direct_tcpip",
	"ssh_routes_portal",
	"ssh_upstream_tunnel",
}

// Flag reports whether a runtime flag is on; an unknown one is off.
func (c *Config) Flag(name string) bool { return c.RuntimeFlags[name] }

// checkFlags refuses flags that mean nothing.
func (l *loading) checkFlags() {
	known := defaultFlags()
	for _, name := range all(l.c.RuntimeFlags) {
		if _, ok := known[name]; !ok {
			l.refuse("runtime_flags."+name, "unknown flag"+didYouMean(name, all(known)), "")
		}
	}
	for _, name := range laterFlags {
		if l.c.RuntimeFlags[name] {
			l.refuse("runtime_flags."+name, notYet, "false")
		}
	}
}
