package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy/xds"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// An offline is a configuration made ready for questions, with nothing started:
// what a running program would decide, and which route Envoy would choose.
type offline struct {
	config   *config.Config
	compiler *policy.Compiler
	programs map[string]*policy.Program // by route id
	routes   map[string]*config.Route
	matcher  *xds.Matcher
}

func newOffline(ctx context.Context, from config.Source) (*offline, error) {
	cfg, err := from.Load(ctx)
	if err != nil {
		return nil, err
	}
	return prepareOffline(ctx, cfg)
}

// prepareOffline is newOffline of a configuration that has been loaded.
func prepareOffline(ctx context.Context, cfg *config.Config) (*offline, error) {
	compiler := &policy.Compiler{}
	programs, err := compileAll(ctx, cfg, compiler, nil)
	if err != nil {
		return nil, err
	}
	snapshot, err := buildSnapshot(cfg, programs, validationCertificates(cfg), testSockets, nil)
	if err != nil {
		return nil, err
	}
	o, err := newOfflineOf(cfg, programs, snapshot)
	if err != nil {
		return nil, err
	}
	o.compiler = compiler
	return o, nil
}

// newOfflineOf is newOffline of what has been made already.
func newOfflineOf(cfg *config.Config, programs map[string]*policy.Program, snapshot *xds.Snapshot) (_ *offline, err error) {
	o := &offline{config: cfg, programs: programs, routes: make(map[string]*config.Route, len(cfg.Routes))}
	if o.matcher, err = xds.NewMatcher(snapshot); err != nil {
		return nil, fmt.Errorf("find routes: %w", err)
	}
	for _, r := range cfg.Routes {
		o.routes[r.ID] = r
	}
	return o, nil
}

// A found is the route that answers a request; nil with words of why there is
// none.
type found struct {
	route   *config.Route
	program *policy.Program
	request policy.Request
	why     string
}

// find returns what answers a request to an address. method "" is GET, or
// CONNECT for a tcp+https address.
func (o *offline) find(method, address string) (found, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return found{}, fmt.Errorf("%q is no address: want one such as https://app.example.com/page", address)
	}
	if u.Scheme == "tcp+https" {
		method = http.MethodConnect
	}
	if method == "" {
		method = http.MethodGet
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if method == http.MethodConnect {
		path = ""
	}
	return o.match(xds.MatchRequest{Method: method, Host: u.Host, Path: path, ServerName: u.Hostname()})
}

func (o *offline) match(r xds.MatchRequest) (found, error) {
	r.Console = o.config.AtConsole(r.Host)
	m, err := o.matcher.Match(r)
	if err != nil {
		return found{}, err
	}
	rawPath, query, _ := strings.Cut(m.Path, "?")
	path, err := url.PathUnescape(rawPath)
	if err != nil {
		path = rawPath
	}
	f := found{request: policy.Request{
		Method: r.Method, Scheme: "https", Host: r.Host, Hostname: ticket.HostName(r.Host), Path: path, RawPath: rawPath, RawQuery: query,
	}}
	switch {
	case m.Internal:
		f.why = "it is one of Cardea's own paths, which no policy is asked about"
	case !m.Found:
		f.why = m.Answer
		if f.why == "" {
			f.why = "no route is for it"
		}
		if o.config.ConsoleApart() && !r.Console && o.config.IsConsoleHost(strings.Trim(f.request.Hostname, "[]")) {
			f.why += " The console has a listener of its own, and this port is the other's."
		}
	default:
		f.route, f.program = o.routes[m.RouteID], o.programs[m.RouteID]
	}
	return f, nil
}
