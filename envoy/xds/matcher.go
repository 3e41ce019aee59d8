package xds

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrCannotTell is what a Matcher returns where it does not know what Envoy
// would do.
var ErrCannotTell = errors.New("cannot tell")

func unsure(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCannotTell, fmt.Sprintf(format, args...))
}

// A MatchRequest is a request as a client sends it unless Normalised says
// otherwise.
type MatchRequest struct {
	// Console says that it comes in by the console's own listener, and not by
	// the main one.
	Console bool

	Method string // as sent, such as "GET"
	Host   string // the Host header, or what CONNECT names; with or without a port
	Path   string // as sent, with its query; "" for CONNECT
	// ServerName is the name in the TLS handshake. "" means that there was
	// none, and then no request is misdirected.
	ServerName string
	// Normalised says that Host and Path are as Envoy told them to authorize.
	// They are taken as they are: "/%2e%2e;x" becomes "/..;x", and that, sent
	// by a client, would become "/".
	Normalised bool
}

// A Match is what Envoy makes of a request before anybody is asked about it.
// An upgrade that the route does not allow is not looked at.
type Match struct {
	// Found says that authorize is asked: about a path of our own if Internal,
	// else about the route RouteID.
	Found    bool
	RouteID  string
	Internal bool
	// Path is the path, with its query, after Envoy has normalised it.
	Path string
	// Status is Envoy's own answer where authorize is not asked, and Answer
	// says why in a sentence.
	Status int
	Answer string
}

// A Matcher knows which route Envoy would choose, without an Envoy. It reads
// the snapshot that Envoy is told, and refuses one with anything in it that it
// does not interpret. It is for tools alone: a decision is made about the route
// that Envoy names. Calls may overlap.
type Matcher struct {
	main    side
	console *side // nil where the console has no listener of its own
}

// A side is how one listener chooses a route.
type side struct {
	manager manager
	table   *table
}

// NewMatcher prepares for many calls of Match. Its errors are ErrCannotTell.
func NewMatcher(s *Snapshot) (*Matcher, error) {
	m := new(Matcher)
	for _, r := range s.Listeners {
		if r.Name != consoleName {
			continue
		}
		console, err := readSide(s, consoleName)
		if err != nil {
			return nil, err
		}
		m.console = &console
	}
	main, err := readSide(s, mainTLS, mainPlain)
	if err != nil {
		return nil, err
	}
	m.main = main
	return m, nil
}

// readSide reads the listener that has one of names.
func readSide(s *Snapshot, names ...string) (side, error) {
	manager, routes, err := readManager(s, names)
	if err != nil {
		return side{}, err
	}
	table, err := readTable(routes)
	return side{manager, table}, err
}

// Match returns what Envoy would choose for r. Its errors are ErrCannotTell.
func (m *Matcher) Match(r MatchRequest) (Match, error) {
	switch {
	case !r.Console:
		return m.main.match(r)
	case m.console == nil:
		return Match{}, unsure("the console has no listener of its own")
	}
	return m.console.match(r)
}

func (m *side) match(r MatchRequest) (Match, error) {
	if err := m.check(r); err != nil {
		return Match{}, err
	}
	a := asked{method: r.Method, authority: r.Host, target: r.Path}
	if m.manager.serverName {
		a.serverName = strings.ToLower(r.ServerName) // as Envoy has it
	}
	if !r.Normalised {
		a.authority = stripDot(r.Host)
	}
	if !r.Normalised && r.Method != "CONNECT" {
		target, status, why, err := m.manager.paths.apply(r.Path)
		if err != nil {
			return Match{}, err
		}
		if status != 0 {
			return Match{Path: target, Status: status, Answer: answer(status, why)}, nil
		}
		a.target = target
	}
	a.path, _ = cutQuery(a.target)
	match := m.table.match(a)
	match.Path = a.target
	return match, nil
}

// answer is the sentence for an answer of Envoy's own.
func answer(status int, why string) string {
	return fmt.Sprintf("Envoy answers %d itself: %s.", status, why)
}

// methods are those that Envoy takes over HTTP/1.1 as well as over HTTP/2.
var methods = strings.Fields("CONNECT DELETE GET HEAD LOCK MKCOL OPTIONS PATCH POST PROPFIND PURGE PUT REPORT SEARCH TRACE")

// check refuses requests that Envoy's codecs judge, each in its own way, before
// any of what a snapshot says counts.
func (m *side) check(r MatchRequest) error {
	connect := r.Method == "CONNECT"
	switch {
	case !slices.Contains(methods, r.Method):
		return unsure("the method %q is not taken over every version of HTTP", r.Method)
	case !plainHost(r.Host):
		return unsure("the host %q is no name or address, with or without a port", r.Host)
	case connect && r.Path != "":
		return unsure("CONNECT has no path, this one %q", r.Path)
	case connect && (!namesPort(r.Host) || strings.Contains(r.Host, "_")):
		return unsure("CONNECT to %q is answered in one way over HTTP/1.1 and in another over HTTP/2", r.Host)
	case !connect && !strings.HasPrefix(r.Path, "/"):
		return unsure("the path %q does not begin with a slash", r.Path)
	case strings.ContainsFunc(r.Path, func(c rune) bool { return c <= ' ' || c > '~' }):
		return unsure("the path %q holds what must be escaped", r.Path)
	case len(r.Path)+len(r.Host) > m.manager.maxHeaders/2:
		return unsure("the path has %d bytes, which with other headers may be too many", len(r.Path))
	case strings.ContainsFunc(r.ServerName, func(c rune) bool { return !nameChar(c) }):
		return unsure("the server name %q is no host name", r.ServerName)
	}
	return nil
}

// nameChar reports whether c stands in names and addresses of hosts.
func nameChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}

// plainHost reports whether host is one that every version of HTTP takes.
func plainHost(host string) bool {
	return len(host) <= 1024 && strings.Trim(host, ".:") != "" &&
		!strings.ContainsFunc(host, func(c rune) bool { return !nameChar(c) && !strings.ContainsRune("_:[]", c) })
}
