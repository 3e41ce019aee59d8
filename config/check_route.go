package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// checkRoutes checks each route alone, then all of them together, and fills
// their finished fields.
func (l *loading) checkRoutes() {
	for i, r := range l.c.Routes {
		key := l.routeKeys[i]
		if l.bad[key] { // not even an object
			continue
		}
		l.checkDestination(r, key)
		l.checkFrom(r, key)
		l.checkPath(r, key)
		l.checkRewrites(r, key)
		l.checkRouteHeaders(r, key)
		l.checkDependsOn(r, key)
		l.checkUpstreamTLS(r, key)
		l.checkHealth(r, key)
		l.policySource(r, key)
		l.checkAccess(r, key)
		r.BearerTokenFormat = l.bearerFormat(key+".bearer_token_format", r.BearerTokenFormat)
		if r.IDPClientSecret != "" && r.IDPClientID == "" {
			l.refuse(key+".idp_client_secret", "idp_client_id is missing", "both")
		}
		r.ID = routeID(r)
	}
	l.checkUnique()
}

// checkUnique refuses two routes that are one, and warns of routes that an
// earlier one hides.
func (l *loading) checkUnique() {
	ids, places := make(map[string]int), make(map[string]int)
	for i, r := range l.c.Routes {
		key := l.routeKeys[i]
		if r.From.Host == "" { // refused already
			continue
		}
		if first, twice := ids[r.ID]; twice {
			l.refuse(key, "same route as "+l.place(first), "one of the two")
			continue
		}
		ids[r.ID] = i
		if first, hidden := places[r.matcher()]; hidden {
			l.warn(key, "never reached, since "+l.place(first)+" takes the same requests")
			continue
		}
		places[r.matcher()] = i
	}
}

// place names a route for a person.
func (l *loading) place(i int) string {
	return fmt.Sprintf("%s (line %d)", l.routeKeys[i], l.c.Routes[i].Line)
}

// checkDestination demands that a route leads somewhere.
func (l *loading) checkDestination(r *Route, key string) {
	given := 0
	for _, k := range []string{"redirect", "response", "to", "verify", "console"} {
		off := k == "verify" && !r.Verify || k == "console" && !r.Console
		if l.has(key+"."+k) && (!off || l.bad[key+"."+k]) {
			given++
		}
	}
	l.checkRedirect(r, key)
	switch {
	case given == 0:
		l.refuse(key, "leads nowhere", "to, redirect, response, verify or console")
	case given > 1 && !r.Console:
		l.warn(key, "of redirect, response, to and verify only the first given counts, in this order")
	}
}

func (l *loading) checkRedirect(r *Route, key string) {
	if d := r.Redirect; d != nil {
		key := key + ".redirect"
		if d.ResponseCode != nil && !slices.Contains([]int32{301, 302, 303, 307, 308}, *d.ResponseCode) {
			l.refuse(key+".response_code", "", "301, 302, 303, 307 or 308")
		}
		if d.HTTPSRedirect != nil && d.SchemeRedirect != nil {
			l.refuse(key+".scheme_redirect", "https_redirect is given too", "one of them")
		}
		if d.PathRedirect != nil && d.PrefixRewrite != nil {
			l.refuse(key+".prefix_rewrite", "path_redirect is given too", "one of them")
		}
		if d.PortRedirect != nil && *d.PortRedirect > 65535 {
			l.refuse(key+".port_redirect", "", "a port from 0 to 65535")
		}
		for name, s := range map[string]*string{"scheme_redirect": d.SchemeRedirect, "host_redirect": d.HostRedirect,
			"path_redirect": d.PathRedirect, "prefix_rewrite": d.PrefixRewrite} {
			if s != nil && strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				l.refuse(key+"."+name, "", "text without line breaks and control characters")
			}
		}
	}
	if d := r.Response; d != nil && (d.Status < 200 || d.Status > 599) && !l.bad[key+".response.status"] {
		l.refuse(key+".response.status", "", "a status from 200 to 599")
	}
}

// checkFrom holds the destination against the kind of route.
func (l *loading) checkFrom(r *Route, key string) {
	switch {
	case l.bad[key+".from"]:
		return
	case r.From.Host == "":
		l.refuse(key+".from", "missing", wantFrom)
		return
	}
	if !r.IsTCP() {
		for _, u := range r.To {
			if u.kind() == "tcp" {
				l.refuse(key+".to", "a tcp destination needs a tcp+https route", wantTo)
				return
			}
		}
		return
	}
	if len(r.To) == 0 && !l.bad[key+".to"] {
		l.refuse(key, "a tcp+https route without a destination", "to")
	}
	for _, k := range []string{"prefix", "path", "regex", "redirect", "response", "verify", "console"} {
		if l.has(key + "." + k) {
			l.refuse(key+"."+k, "a tunnel has no paths and answers", "it gone from a tcp+https route")
		}
	}
}

// maxDependsOn bounds the hosts that one sign-in goes on to.
const maxDependsOn = 5

// checkDependsOn makes hosts of what may be hosts or URLs.
func (l *loading) checkDependsOn(r *Route, key string) {
	key += ".depends_on"
	if len(r.DependsOn) > maxDependsOn {
		l.refuse(key, "", fmt.Sprintf("at most %d hosts", maxDependsOn))
		return
	}
	for i, s := range r.DependsOn {
		given := s
		if strings.Contains(s, "://") {
			if u, err := url.Parse(s); err == nil {
				given = u.Host
			}
		}
		host, port, ok := splitHost(given)
		if !ok || !validHost(host, false) {
			l.refuse(l.item(key, i), "", "a host or its URL, such as app.example.com")
			continue
		}
		if r.DependsOn[i] = host; port != "" {
			r.DependsOn[i] = host + ":" + port
		}
	}
}
