package config

import (
	"cmp"
	"fmt"
	"net"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/policy"
)

// Console says who may do what in the console that a route with "console: true"
// leads to. Who may come there at all is that route's policy to say. Each list
// is of criteria in PPL, any of which makes the role; the finished form is
// Config.ConsoleRoles.
type Console struct {
	Admins        Criteria `yaml:"admins"`
	Managers      Criteria `yaml:"managers"`
	Viewers       Criteria `yaml:"viewers"`
	Impersonation bool     `yaml:"impersonation"` // administrators may act as others

	Address string `yaml:"address"` // host:port of a listener for the console alone; "" is the main one

	// The longest that somebody may be granted access for, and that a service
	// account may live.
	MaxGrant          time.Duration `yaml:"max_grant"`           // default 24h, at most 720h
	MaxServiceAccount time.Duration `yaml:"max_service_account"` // default 8760h, at most 26280h
}

// Criteria is a list of criteria in PPL as it is written.
type Criteria []Criterion

// A Criterion is one of them.
type Criterion struct{ node *yaml.Node }

// ConsoleRoles are the policies that make a person an administrator, a manager
// or a viewer. Each allows nobody unless something is written.
type ConsoleRoles struct{ Admin, Manager, Viewer policy.Source }

// criteria sets a list of criteria aside; checkConsole parses it.
func (l *loading) criteria(n *yaml.Node, p *Criteria, key string) {
	if n.Kind != yaml.SequenceNode {
		l.refuse(key, "", "a list of criteria, such as [{email: {is: ada@example.com}}]")
		return
	}
	for i, item := range n.Content {
		l.lines[l.item(key, i)] = item.Line
		*p = append(*p, Criterion{item})
	}
}

// HasConsole reports whether a route leads to the console.
func (c *Config) HasConsole() bool {
	for _, r := range c.Routes {
		if r.Console {
			return true
		}
	}
	return false
}

// ConsoleApart reports whether the console is on a listener of its own, and on
// no other: its hosts are then strangers to the main one.
func (c *Config) ConsoleApart() bool { return c.Console.Address != "" }

// AtConsole reports whether a request comes in by the console's own listener,
// judged by its host, with or without a port: the port that a route of the
// console names leads there, and otherwise each listener's own port to it. Where
// the port says nothing, since both have it or something in front leads it on,
// the console's hosts are there and no others.
func (c *Config) AtConsole(hostport string) bool {
	if !c.ConsoleApart() {
		return false
	}
	host, port := hostport, "443"
	if h, p, err := net.SplitHostPort(hostport); err == nil {
		host, port = h, cmp.Or(p, port)
	}
	host = strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
	known := false
	for _, r := range c.Routes {
		if !r.Console || r.From.Host != host {
			continue
		}
		if known = true; port == cmp.Or(r.From.Port, "443") {
			return true
		}
	}
	_, main, _ := net.SplitHostPort(c.Address)
	_, own, _ := net.SplitHostPort(c.Console.Address)
	switch {
	case main == own:
		return known
	case port == main, port == own:
		return port == own
	}
	return known
}

// IsConsoleHost reports whether a route from host, without a port and in lower
// case, leads to the console.
func (c *Config) IsConsoleHost(host string) bool {
	for _, r := range c.Routes {
		if r.Console && r.From.Covers(host) {
			return true
		}
	}
	return false
}

// checkConsole makes the policies of the roles.
func (l *loading) checkConsole() {
	l.checkConsoleApart()
	if d := l.c.Console.MaxGrant; d < time.Minute || d > 720*time.Hour {
		l.refuse("console.max_grant", "", "1m to 720h")
	}
	if d := l.c.Console.MaxServiceAccount; d < time.Hour || d > 26280*time.Hour {
		l.refuse("console.max_service_account", "", "1h to 26280h")
	}
	roles, given := &l.c.ConsoleRoles, 0
	for _, role := range []struct {
		key  string
		list Criteria
		into *policy.Source
	}{
		{"console.admins", l.c.Console.Admins, &roles.Admin},
		{"console.managers", l.c.Console.Managers, &roles.Manager},
		{"console.viewers", l.c.Console.Viewers, &roles.Viewer},
	} {
		l.role(role.key, role.list, role.into)
		given += len(role.list)
	}
	for i, r := range l.c.Routes {
		if !r.Console || r.IsTCP() { // a tunnel has been refused
			continue
		}
		l.checkConsoleRoute(r, l.routeKeys[i])
		for _, other := range l.c.Routes {
			if !other.Console && !other.IsTCP() && other.From.Host == r.From.Host && other.From.Port == r.From.Port {
				l.warn(l.routeKeys[i], "another route has the same host: its application could act as the console's pages in a browser")
			}
		}
		if given == 0 {
			l.warn(l.routeKeys[i], "nobody has a role in the console: console.admins is empty")
		}
	}
}

func (l *loading) role(key string, list Criteria, into *policy.Source) {
	if len(list) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: list[0].node.Line, Column: list[0].node.Column}
	for _, c := range list {
		n.Content = append(n.Content, c.node)
	}
	doc, err := policy.ParseCriteria("", n)
	if err != nil {
		l.refusePolicy(key, err, func(line, column int) (int, int) { return line, column })
		return
	}
	into.Documents = append(into.Documents, doc)
}

// checkConsoleRoute refuses what would lead elsewhere, and what would break the
// links and the checks of the console's pages, which know its address.
func (l *loading) checkConsoleRoute(r *Route, key string) {
	for _, k := range []string{
		"to", "redirect", "response", "verify",
		"prefix_rewrite", "regex_rewrite_pattern", "host_rewrite", "host_rewrite_header", "host_path_regex_rewrite_pattern",
	} {
		if l.has(key+"."+k) && (k != "verify" || r.Verify) {
			l.refuse(key+"."+k, "", fmt.Sprintf("no %s beside console", k))
		}
	}
	if r.AllowPublicUnauthenticatedAccess {
		l.refuse(key+".allow_public_unauthenticated_access", "", "no strangers in the console: it knows people by their session")
	}
}
