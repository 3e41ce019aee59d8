package e2e

import "strings"

// A routingStory is routes and what becomes of requests to their hosts. In the
// routes, $PLAIN, $SECOND, $TLS and $MUTUAL are the addresses of upstreams and
// $ROOT is their authority. Every story has hosts of its own.
type routingStory struct {
	name   string
	routes string
	asks   []ask
}

// An ask is one request and what must come of it. An empty want is not looked at.
type ask struct {
	path    string   // host and path
	headers []string // name, value
	as      string   // "ann" for a person who has signed in

	status   int // 200 when 0
	body     string
	location string            // $PORT is the port
	response map[string]string // headers; "" means absent

	upstream string // by its name
	target   string
	host     string            // $PORT is the port
	request  map[string]string // headers; "" means absent
}

// public is the end of a route that anybody may use.
const public = "\n    allow_public_unauthenticated_access: true\n"

// open makes a public route of the keys in lines.
func open(lines ...string) string { return "  - " + strings.Join(lines, "\n    ") + public }

var routingStories = []routingStory{
	{"a prefix is plain text, without regard to segments", open("from: https://prefix.localhost", "prefix: /a", "to: http://$PLAIN"), []ask{
		{path: "prefix.localhost/a", target: "/a"},
		{path: "prefix.localhost/a/b?c=d", target: "/a/b?c=d"},
		{path: "prefix.localhost/ab", target: "/ab"},
		{path: "prefix.localhost/b", status: 404},
		{path: "prefix.localhost/A", status: 404},
	}},
	{"a path is that path, whatever the query", open("from: https://path.localhost", "path: /exactly", "to: http://$PLAIN"), []ask{
		{path: "path.localhost/exactly", target: "/exactly"},
		{path: "path.localhost/exactly?x", target: "/exactly?x"},
		{path: "path.localhost/exactly/", status: 404},
		{path: "path.localhost/Exactly", status: 404},
	}},
	{"a regular expression takes whole paths and no query", open("from: https://regex.localhost", `regex: '/v[0-9]+/(a|b)'`, "to: http://$PLAIN"), []ask{
		{path: "regex.localhost/v12/a", target: "/v12/a"},
		{path: "regex.localhost/v1/b?y=/v1/c", target: "/v1/b?y=/v1/c"},
		{path: "regex.localhost/v1/a/more", status: 404},
		{path: "regex.localhost/x/v1/a", status: 404},
		{path: "regex.localhost/v1/c?/v1/a", status: 404},
	}},
	{"of several matchers, the expression counts before the path and the path before the prefix",
		open("from: https://several.localhost", "regex: /r", "path: /p", "prefix: /x", "to: http://$PLAIN"), []ask{
			{path: "several.localhost/r"}, {path: "several.localhost/p", status: 404}, {path: "several.localhost/x", status: 404},
		}},
	{"routes are tried as written, not by length",
		open("from: https://order.localhost", "prefix: /a", "to: http://$PLAIN") +
			open("from: https://order.localhost", "prefix: /a/longer", "to: http://$SECOND") +
			open("from: https://order.localhost", "to: http://$SECOND"), []ask{
			{path: "order.localhost/a/longer/x", upstream: "plain"}, {path: "order.localhost/b", upstream: "second"},
		}},
	{"routes under policy come before those under routes", // the other one is in shared_test.go
		open("from: https://lists.localhost", "to: http://$PLAIN"), []ask{
			{path: "lists.localhost/first/x", upstream: "second"}, {path: "lists.localhost/x", upstream: "plain"},
		}},
	{"a server name of the client's that is not the host's",
		open("from: https://behind.localhost", "tls_downstream_server_name: apart.example", "to: http://$PLAIN"), []ask{{path: "behind.localhost/"}}},
	{"an exact host comes before a wildcard, written after it or not",
		open("from: https://*.wild.localhost", "to: http://$PLAIN") + open("from: https://one.wild.localhost", "to: http://$SECOND"), []ask{
			{path: "one.wild.localhost/", upstream: "second"},
			{path: "two.wild.localhost/", upstream: "plain"},
			{path: "a.deep.wild.localhost/", upstream: "plain"},
			{path: "ONE.Wild.localhost/", upstream: "second"},
			{path: "nothing.localhost/", status: 404, body: "404"},
		}},
	{"a port counts when it is written",
		open("from: https://port.localhost:$PORT", "path: /mine", "to: http://$PLAIN") + open("from: https://port.localhost:9", "to: http://$SECOND"), []ask{
			{path: "port.localhost/mine", upstream: "plain"}, {path: "port.localhost/other", status: 404},
		}},
	{"the path of the upstream takes the place of the prefix", open("from: https://topath.localhost", "prefix: /in", "to: http://$PLAIN/out"), []ask{
		{path: "topath.localhost/in/a?b", target: "/out/a?b"},
	}},
	{"a prefix is rewritten", open("from: https://prefixrewrite.localhost", "prefix: /old/", "prefix_rewrite: /", "to: http://$PLAIN"), []ask{
		{path: "prefixrewrite.localhost/old/a/b?q=/old/", target: "/a/b?q=/old/"},
	}},
	{"a path is rewritten by an expression",
		open("from: https://regexrewrite.localhost", `regex_rewrite_pattern: '^/service/([^/]+)(/.*)$'`, `regex_rewrite_substitution: '\2/instance/\1'`, "to: http://$PLAIN"), []ask{
			{path: "regexrewrite.localhost/service/foo/v1/api?q=1", target: "/v1/api/instance/foo?q=1"},
		}},

	{"the host is that of the upstream, and the one asked for goes along", open("from: https://host.localhost", "to: http://$PLAIN"), []ask{
		{path: "host.localhost/", host: "$PLAIN", request: map[string]string{"X-Forwarded-Host": "host.localhost:$PORT", "X-Forwarded-Proto": "https"}},
	}},
	{"the host asked for is not told where it is to be removed",
		open("from: https://nohost.localhost", "remove_request_headers: [X-Forwarded-Host]", "to: http://$PLAIN"), []ask{
			{path: "nohost.localhost/", host: "$PLAIN", request: map[string]string{"X-Forwarded-Host": ""}},
		}},
	{"the host is preserved", open("from: https://preserve.localhost", "preserve_host_header: true", "to: http://$PLAIN"), []ask{
		{path: "preserve.localhost/", host: "preserve.localhost:$PORT"},
	}},
	{"the host is rewritten, before any other way to set it",
		open("from: https://rewritehost.localhost", "host_rewrite: literal.example", "host_rewrite_header: X-Host", "preserve_host_header: true", "to: http://$PLAIN"), []ask{
			{path: "rewritehost.localhost/", headers: []string{"X-Host", "header.example"}, host: "literal.example"},
		}},
	{"the host comes from a header", open("from: https://headerhost.localhost", "host_rewrite_header: X-Host", "to: http://$PLAIN"), []ask{
		{path: "headerhost.localhost/", headers: []string{"X-Host", "header.example"}, host: "header.example"},
	}},
	{"the host comes from the path",
		open("from: https://pathhost.localhost", `host_path_regex_rewrite_pattern: '^/([a-z]+)/.*$'`, `host_path_regex_rewrite_substitution: '\1.example'`, "to: http://$PLAIN"), []ask{
			{path: "pathhost.localhost/team/x?q=1", host: "team.example", target: "/team/x?q=1"},
		}},

	{"headers of requests are set and removed, and setting wins",
		open("from: https://headers.localhost", "to: http://$PLAIN", "set_request_headers: {X-Set: 'a$$b', X-Both: kept}", "remove_request_headers: [X-Gone, X-Both]"), []ask{
			{path: "headers.localhost/", headers: []string{"X-Set", "sent", "X-Gone", "sent", "X-Stays", "sent"},
				request: map[string]string{"X-Set": "a$b", "X-Both": "kept", "X-Gone": "", "X-Stays": "sent"}},
		}},
	{"headers of requests are made of what is known",
		"  - " + strings.Join([]string{"from: https://tokens.localhost", "to: http://$PLAIN", "allow_any_authenticated_user: true", "set_request_headers:",
			"  X-Asked: 'q=${pomerium.request.headers[\"X-Question\"]}'", "  X-Nothing: '[${pomerium.client_cert_fingerprint}]'",
			"  X-Unknown: '[${pomerium.unheard_of}]'"}, "\n    ") + "\n", []ask{
			{path: "tokens.localhost/", as: "ann", headers: []string{"X-Question", "why"},
				request: map[string]string{"X-Asked": "q=why", "X-Nothing": "[]", "X-Unknown": "[]"}},
		}},
	{"responses have the usual headers of safety", open("from: https://safe.localhost", "to: http://$PLAIN"), []ask{
		{path: "safe.localhost/", response: map[string]string{"X-Frame-Options": "SAMEORIGIN", "X-Xss-Protection": "1; mode=block",
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload", "Server": "cardea"}},
	}},
	{"headers of responses are set by a route", open("from: https://response.localhost", "to: http://$PLAIN", "set_response_headers: {X-Frame-Options: DENY, X-More: yes please}"), []ask{
		{path: "response.localhost/", response: map[string]string{"X-Frame-Options": "DENY", "X-More": "yes please", "X-Xss-Protection": "1; mode=block"}},
	}},
	{"headers of responses are all left out", open("from: https://bare.localhost", "to: http://$PLAIN", "set_response_headers: {disable: 'true'}"), []ask{
		{path: "bare.localhost/", response: map[string]string{"X-Frame-Options": "", "Strict-Transport-Security": ""}},
	}},
	{"headers of responses are rewritten by their beginning",
		open("from: https://location.localhost", "to: http://$PLAIN", "rewrite_response_headers: [{header: Location, prefix: 'http://inside/', value: 'https://outside/'}]"), []ask{
			{path: "location.localhost/echo/header?name=Location&value=http://inside/a", response: map[string]string{"Location": "https://outside/a"}},
			{path: "location.localhost/echo/header?name=Location&value=/x/http://inside/a", response: map[string]string{"Location": "/x/http://inside/a"}},
		}},

	{"a redirect changes what it names",
		open("from: https://redirect.localhost", "prefix: /host", "redirect: {host_redirect: other.example, port_redirect: 8080, response_code: 307}") +
			open("from: https://redirect.localhost", "path: /path", "redirect: {path_redirect: /elsewhere, strip_query: true}") +
			open("from: https://redirect.localhost", "prefix: /swap", "redirect: {prefix_rewrite: /new, scheme_redirect: http, response_code: 308}"), []ask{
			{path: "redirect.localhost/host/x?y", status: 307, location: "https://other.example:8080/host/x?y"},
			{path: "redirect.localhost/path?y", status: 301, location: "https://redirect.localhost:$PORT/elsewhere"},
			{path: "redirect.localhost/swap/x?y", status: 308, location: "http://redirect.localhost:$PORT/new/x?y"},
		}},
	{"an answer is fixed", open("from: https://fixed.localhost", "response: {status: 418, body: short and stout}"), []ask{
		{path: "fixed.localhost/any", status: 418, body: "short and stout"},
	}},
	{"an answer that is fixed is still not for everybody", "  - {from: 'https://fixedclosed.localhost', allowed_users: [ann@corp.example], response: {status: 200, body: secret}}\n", []ask{
		{path: "fixedclosed.localhost/", status: 302}, {path: "fixedclosed.localhost/", as: "ann", status: 200, body: "secret"},
	}},

	{"HTTP/2 goes to an upstream without TLS", open("from: https://h2c.localhost", "to: h2c://$PLAIN"), []ask{
		{path: "h2c.localhost/a", upstream: "plain", target: "/a"},
	}},
	{"an upstream is verified against an authority given inline", open("from: https://ca.localhost", "to: https://$TLS", "tls_custom_ca: $ROOT"), []ask{{path: "ca.localhost/", upstream: "tls"}}},
	{"an upstream is verified against an authority in a file", open("from: https://cafile.localhost", "to: https://$TLS", "tls_custom_ca_file: $DIR/root.pem"), []ask{{path: "cafile.localhost/", upstream: "tls"}}},
	{"an upstream of an unknown authority is not trusted", open("from: https://noca.localhost", "to: https://$TLS"), []ask{{path: "noca.localhost/", status: 503}}},
	{"an upstream with another name is not trusted", open("from: https://badname.localhost", "to: https://$TLS", "tls_custom_ca: $ROOT", "tls_upstream_server_name: wrong.internal"), []ask{{path: "badname.localhost/", status: 503}}},
	{"an upstream has the name that is expected of it", open("from: https://goodname.localhost", "to: https://$TLS", "tls_custom_ca: $ROOT", "tls_upstream_server_name: upstream.internal"), []ask{{path: "goodname.localhost/", upstream: "tls"}}},
	{"an upstream is not verified where that was said", open("from: https://skip.localhost", "to: https://$TLS", "tls_skip_verify: true"), []ask{{path: "skip.localhost/", upstream: "tls"}}},
	{"an upstream sees our certificate", open("from: https://mutual.localhost", "to: https://$MUTUAL", "tls_custom_ca: $ROOT", "tls_client_cert_file: $DIR/client.pem", "tls_client_key_file: $DIR/client-key.pem"), []ask{{path: "mutual.localhost/", upstream: "mutual"}}},
	{"an upstream that demands a certificate gets none unless one is given", open("from: https://nocert.localhost", "to: https://$MUTUAL", "tls_custom_ca: $ROOT"), []ask{{path: "nocert.localhost/", status: 503}}},

	{"an upstream that takes too long", open("from: https://timeout.localhost", "to: http://$PLAIN", "timeout: 1s"), []ask{
		{path: "timeout.localhost/echo/slow?for=20s", status: 504}, {path: "timeout.localhost/echo/slow?for=1ms"},
	}},
	{"an upstream that is silent too long", open("from: https://idle.localhost", "to: http://$PLAIN", "timeout: 0s", "idle_timeout: 300ms"), []ask{
		{path: "idle.localhost/echo/slow?for=20s", status: 504},
	}},
	{"an upstream that is not there", open("from: https://dead.localhost", "to: http://$DEAD"), []ask{
		{path: "dead.localhost/", status: 503, response: map[string]string{"Content-Type": "text/html; charset=utf-8"}, headers: []string{"Accept", "text/html"}},
		{path: "dead.localhost/", status: 503, response: map[string]string{"Content-Type": "application/problem+json"}, headers: []string{"Accept", "application/json"}},
	}},
	{"an upstream's error is its own to tell", open("from: https://fails.localhost", "to: http://$PLAIN"), []ask{{path: "fails.localhost/echo/status/500", status: 500}}},
}
