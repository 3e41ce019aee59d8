package xds

import (
	"slices"
	"strings"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A manager is what a listener does to a request before it looks for a route.
type manager struct {
	paths      pathRules
	serverName bool // whether the server name is there to be looked at
	maxHeaders int  // in bytes
}

// The fields of a manager that are read here, and those that change nothing
// about which route is chosen.
const managerFields = "normalize_path merge_slashes path_with_escaped_slashes_action strip_trailing_host_dot " +
	"early_header_mutation_extensions max_request_headers_kb rds http_filters " +
	"stat_prefix codec_type common_http_protocol_options http_protocol_options http2_protocol_options " +
	"request_headers_timeout request_timeout stream_idle_timeout delayed_close_timeout server_name " +
	"server_header_transformation scheme_header_transformation use_remote_address internal_address_config " +
	"skip_xff_append xff_num_trusted_hops generate_request_id always_set_request_id_in_response " +
	"request_id_extension forward_client_cert_details access_log local_reply_config"

// known refuses a message with a field set that is not in names.
func known(m proto.Message, names string) error {
	message := m.ProtoReflect()
	var strange protoreflect.Name
	if len(message.GetUnknown()) > 0 {
		strange = "a field that is not in this version"
	}
	message.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(strings.Fields(names), string(field.Name())) {
			strange = field.Name()
		}
		return strange == ""
	})
	if strange != "" {
		return unsure("%s of a %s is not interpreted", strange, message.Descriptor().Name())
	}
	return nil
}

// readManager finds the listener of s that has one of names, and the routes that
// it looks in.
func readManager(s *Snapshot, names []string) (manager, *routev3.RouteConfiguration, error) {
	m, err := httpOf(s, names)
	if err != nil {
		return manager{}, nil, err
	}
	if err := known(m, managerFields); err != nil {
		return manager{}, nil, err
	}
	if !m.StripTrailingHostDot {
		return manager{}, nil, unsure("a listener that keeps the last dot of a host is not interpreted")
	}
	read := manager{
		paths: pathRules{
			normalize: m.GetNormalizePath().GetValue(),
			merge:     m.MergeSlashes,
			escaped:   m.PathWithEscapedSlashesAction,
		},
		maxHeaders: int(m.GetMaxRequestHeadersKb().GetValue()) << 10,
	}
	if m.NormalizePath == nil || read.paths.escaped == hcmv3.HttpConnectionManager_IMPLEMENTATION_SPECIFIC_DEFAULT {
		return manager{}, nil, unsure("the listener leaves it to Envoy what becomes of paths")
	}
	if read.serverName, err = carriesServerName(m.EarlyHeaderMutationExtensions); err != nil {
		return manager{}, nil, err
	}
	for _, filter := range m.HttpFilters {
		if !slices.Contains(filtersThatKeep, filter.Name) {
			return manager{}, nil, unsure("filter %q may change the route", filter.Name)
		}
	}
	for _, r := range s.RouteConfigurations {
		if routes, ok := r.Message.(*routev3.RouteConfiguration); ok && r.Name == m.GetRds().GetRouteConfigName() {
			return read, routes, nil
		}
	}
	return manager{}, nil, unsure("there are no routes called %q", m.GetRds().GetRouteConfigName())
}

// filtersThatKeep leave the route as it was chosen.
var filtersThatKeep = []string{
	filterTrailers, filterClientCertificate, filterAuthorize, filterLeash, filterCleanUpstream,
	filterCleanResponse, filterRewriteHeaders, filterRouter,
}

// httpOf returns how HTTP is spoken on the listener that has one of names.
func httpOf(s *Snapshot, names []string) (*hcmv3.HttpConnectionManager, error) {
	for _, r := range s.Listeners {
		l, ok := r.Message.(*listenerv3.Listener)
		if !ok || !slices.Contains(names, l.Name) {
			continue
		}
		if len(l.FilterChains) != 1 || l.DefaultFilterChain != nil || len(l.FilterChains[0].Filters) != 1 {
			return nil, unsure("listener %q has more than one chain of filters", l.Name)
		}
		m := new(hcmv3.HttpConnectionManager)
		if err := l.FilterChains[0].Filters[0].GetTypedConfig().UnmarshalTo(m); err != nil {
			return nil, unsure("listener %q does not speak HTTP: %v", l.Name, err)
		}
		return m, nil
	}
	return nil, unsure("there is no listener %q", names[0])
}

// The headers that routes may look at. What other headers a client sends
// changes no route.
const (
	headerAuthority = ":authority"
	headerMethod    = ":method"
	headerPath      = ":path"
)

var routingHeaders = []string{headerAuthority, headerMethod, headerPath, headerServerName}

// carriesServerName reports whether the mutations before routing leave the
// server name in its header, and nothing else in the headers that count.
func carriesServerName(extensions []*corev3.TypedExtensionConfig) (bool, error) {
	carried, removed := false, false
	for _, extension := range extensions {
		early := new(earlyv3.HeaderMutation)
		if err := extension.GetTypedConfig().UnmarshalTo(early); err != nil {
			return false, unsure("extension %q is not interpreted: %v", extension.GetName(), err)
		}
		for _, mutation := range early.Mutations {
			switch action := mutation.Action.(type) {
			case *mutationrulesv3.HeaderMutation_RemoveOnMatch_:
				names, err := removedNames(action.RemoveOnMatch)
				if err != nil {
					return false, err
				}
				if slices.Contains(names, headerServerName) {
					carried, removed = false, true
				}
			case *mutationrulesv3.HeaderMutation_Append:
				header := action.Append.GetHeader()
				switch {
				case !slices.Contains(routingHeaders, header.GetKey()):
				case header.Key == headerServerName && header.Value == "%REQUESTED_SERVER_NAME%" &&
					action.Append.AppendAction == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD:
					carried = true
				default:
					return false, unsure("header %s is set to %q", header.Key, header.Value)
				}
			default:
				return false, unsure("a change of headers of type %T is not interpreted", action)
			}
		}
	}
	if !removed {
		return false, unsure("header %s is left as clients send it", headerServerName)
	}
	return carried, nil
}

// removedNames returns which of routingHeaders are removed.
func removedNames(m *mutationrulesv3.HeaderMutation_RemoveOnMatch) ([]string, error) {
	pattern := m.GetKeyMatcher().GetSafeRegex()
	if pattern == nil {
		return nil, unsure("headers are removed by what is no expression")
	}
	re, err := newExpression(pattern.Regex)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range routingHeaders {
		if !re.matches(name) {
			continue
		}
		if name != headerServerName {
			return nil, unsure("header %s is removed", name)
		}
		names = append(names, name)
	}
	return names, nil
}
