package xds

import (
	"net"
	"strconv"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/cardea-proxy/cardea/config"
)

// redirect sends the client elsewhere, after the policy has agreed.
func (b *builder) redirect(r *config.Redirect) *routev3.Route_Redirect {
	action := &routev3.RedirectAction{}
	switch {
	case r.SchemeRedirect != nil && *r.SchemeRedirect != "":
		action.SchemeRewriteSpecifier = &routev3.RedirectAction_SchemeRedirect{SchemeRedirect: *r.SchemeRedirect}
	case r.HTTPSRedirect != nil:
		action.SchemeRewriteSpecifier = &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: *r.HTTPSRedirect}
	}
	if r.HostRedirect != nil {
		action.HostRedirect = *r.HostRedirect
	}
	if r.PortRedirect != nil {
		action.PortRedirect = *r.PortRedirect
	}
	switch {
	case r.PathRedirect != nil && *r.PathRedirect != "":
		action.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: *r.PathRedirect}
	case r.PrefixRewrite != nil && *r.PrefixRewrite != "":
		action.PathRewriteSpecifier = &routev3.RedirectAction_PrefixRewrite{PrefixRewrite: *r.PrefixRewrite}
	}
	if r.ResponseCode != nil {
		action.ResponseCode = redirectCode(*r.ResponseCode)
	}
	if r.StripQuery != nil {
		action.StripQuery = *r.StripQuery
	}
	return &routev3.Route_Redirect{Redirect: action}
}

// redirectCode is Envoy's name for a status; 301 for those that are none.
func redirectCode(status int32) routev3.RedirectAction_RedirectResponseCode {
	switch status {
	case 302:
		return routev3.RedirectAction_FOUND
	case 303:
		return routev3.RedirectAction_SEE_OTHER
	case 307:
		return routev3.RedirectAction_TEMPORARY_REDIRECT
	case 308:
		return routev3.RedirectAction_PERMANENT_REDIRECT
	}
	return routev3.RedirectAction_MOVED_PERMANENTLY
}

// redirectManager is the listener for plain HTTP: it sends everybody to https
// and reaches nothing else. What is no GET or HEAD keeps its method by 308.
func (b *builder) redirectManager() *hcmv3.HttpConnectionManager {
	toHTTPS := func(code routev3.RedirectAction_RedirectResponseCode) *routev3.Route_Redirect {
		return &routev3.Route_Redirect{Redirect: &routev3.RedirectAction{
			SchemeRewriteSpecifier: &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: true},
			PortRedirect:           b.publicPort(),
			ResponseCode:           code,
		}}
	}
	read := prefix("/")
	read.Headers = []*routev3.HeaderMatcher{{
		Name:                 ":method",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: regexString("GET|HEAD")},
	}}
	m := b.manager(redirectName)
	m.HttpFilters = []*hcmv3.HttpFilter{b.filter(filterRouter, &routerv3.Router{})}
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
		Name: redirectName,
		VirtualHosts: []*routev3.VirtualHost{{
			Name:    "any",
			Domains: []string{everyHost},
			Routes: []*routev3.Route{
				{Match: read, Action: toHTTPS(routev3.RedirectAction_MOVED_PERMANENTLY)},
				{Match: prefix("/"), Action: toHTTPS(routev3.RedirectAction_PERMANENT_REDIRECT)},
			},
		}},
	}}
	return m
}

// publicPort is the port that browsers reach us by, if it is not 443: the one
// in the address of the sign-in host. Our own address would be wrong behind a
// port mapping.
func (b *builder) publicPort() uint32 {
	_, port, err := net.SplitHostPort(b.c.SignInHost())
	if err != nil || port == "443" {
		return 0
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return uint32(number)
}
