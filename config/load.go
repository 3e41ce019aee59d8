package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/policy"
	"github.com/spf13/viper"
	"gopkg.in/yaml.v3"
)

// Options say where a configuration is read from.
type Options struct {
	// File is the document: .json, .toml, else YAML. "" means that the
	// environment says everything.
	File string
	// Text, when not nil, is the document itself, in YAML: File is what messages
	// call it, and is not read. Such a document may name no files, since whoever
	// wrote it may not be somebody who may read them here.
	Text []byte
	// Env answers for environment variables and flags, and beats the document;
	// Environment makes one. nil means neither.
	Env *viper.Viper
	// Now tells whether certificates have expired; nil means time.Now.
	Now func() time.Time
}

// Load reads, defaults and checks one configuration. A refusal is of type
// Errors and holds everything that is wrong, not the first of it.
func Load(ctx context.Context, o Options) (*Config, error) {
	c, _, err := load(ctx, o)
	return c, err
}

// load also returns the files that were read or looked for, whatever became
// of them, with the hash of what they held.
func load(ctx context.Context, o Options) (*Config, map[string]reading, error) {
	l := newLoading(o)
	for _, step := range []func(){
		l.readDocument, l.readEnvironment, l.readPolicies, l.readRoutes,
		l.applyDefaults, l.checkSettings, l.checkRoutes, l.checkPolicies, l.checkConsole,
	} {
		if err := ctx.Err(); err != nil {
			return nil, l.files, fmt.Errorf("load configuration: %w", err)
		}
		step()
	}
	if len(l.errs) > 0 {
		return nil, l.files, l.errs.sorted()
	}
	l.c.Warnings = Errors(l.c.Warnings).sorted()
	for path, r := range l.files {
		if !r.folder && r.hash != (fileHash{}) {
			l.c.Files = append(l.c.Files, path)
		}
	}
	slices.Sort(l.c.Files)
	return l.c, l.files, nil
}

// newLoading returns one that has read nothing.
func newLoading(o Options) *loading {
	l := &loading{
		options:  o,
		now:      time.Now(),
		c:        &Config{},
		lines:    make(map[string]int),
		vars:     make(map[string]string),
		bad:      make(map[string]bool),
		tags:     make(map[reflect.Type]map[string]int),
		files:    make(map[string]reading),
		origins:  make(map[string]*origin),
		known:    make(map[string]*knownPolicy),
		modules:  make(map[[2]string]*module),
		allowing: make(map[*policy.Module]bool),
	}
	if o.Now != nil {
		l.now = o.Now()
	}
	return l
}

// loading is one run of Load: what has been read and found so far.
type loading struct {
	options   Options
	now       time.Time
	c         *Config
	errs      Errors
	lines     map[string]int    // key -> line, for every key that is there
	vars      map[string]string // key -> environment variable that set it
	bad       map[string]bool   // keys refused already
	steps     int               // of the patterns so far, where they are counted
	tags      map[reflect.Type]map[string]int
	files     map[string]reading
	routes    []routeNode
	routeKeys []string // of c.Routes, such as "routes[0]"

	origins  map[string]*origin // key -> other file that holds what is below it; "" -> the document
	known    map[string]*knownPolicy
	enforced []*knownPolicy
	nameless bool                    // a policy has no name that counts, so that none is unknown for certain
	modules  map[[2]string]*module   // by file and text: routes repeat what they use
	allowing map[*policy.Module]bool // it seems to have a rule that lets somebody in
}

// A routeNode is one entry of `policy` or `routes`, not yet read.
type routeNode struct {
	key  string
	node *yaml.Node
}

// readDocument reads the file into the settings and sets the routes aside.
func (l *loading) readDocument() {
	if l.options.File == "" {
		return
	}
	l.c.Document = l.options.File
	raw, err := l.options.Text, error(nil)
	if raw == nil {
		raw, err = l.read(l.options.File)
	}
	if err != nil {
		l.errs = append(l.errs, &Error{File: l.options.File, Found: readProblem(err), Want: "a readable file"})
		return
	}
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	l.origins[""] = &origin{file: l.options.File, text: raw}
	root, err := parseDocument(l.options.File, raw)
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		l.errs = append(l.errs, &Error{File: l.options.File, Line: syntax.line, Found: syntax.text})
		return
	}
	if root == nil {
		return
	}
	l.settings(root)
}

// settings reads the top level of a document.
func (l *loading) settings(root *yaml.Node) {
	r := newResolver(l.refuseAt)
	root, _ = r.resolve(root, "", 0)
	if r.full { // reading on is what the bounds protect from
		return
	}
	if root.Kind != yaml.MappingNode {
		l.refuseAt(root.Line, "", "", "an object with keys")
		return
	}
	l.object(root, reflect.ValueOf(&l.c.Settings).Elem(), "", scope{
		extra: map[string]func(*yaml.Node, string){
			"policy": l.routeList,
			"routes": l.routeList,
		},
		later:   laterSettings,
		removed: removedSettings,
	})
}

// routeList sets the entries of `policy` or `routes` aside: the environment
// may replace them, and an error in a replaced route is no error.
func (l *loading) routeList(n *yaml.Node, key string) {
	l.routes = slices.DeleteFunc(l.routes, func(r routeNode) bool { return strings.HasPrefix(r.key, key+"[") })
	if n.Kind != yaml.SequenceNode {
		l.refuse(key, "", "a list of routes")
		return
	}
	for i, item := range n.Content {
		under := fmt.Sprintf("%s[%d]", key, i)
		l.lines[under] = item.Line
		l.routes = append(l.routes, routeNode{under, item})
	}
}

// readRoutes reads the routes, those of `policy` first.
func (l *loading) readRoutes() {
	slices.SortStableFunc(l.routes, func(a, b routeNode) int {
		first := func(r routeNode) int { return strings.Index("policy routes", r.key[:6]) }
		return first(a) - first(b)
	})
	for _, rn := range l.routes {
		if isNull(rn.node) {
			l.refuse(rn.key, "", "a route, not null")
			continue
		}
		r := &Route{Line: rn.node.Line}
		l.object(rn.node, reflect.ValueOf(r).Elem(), rn.key, scope{
			extra: map[string]func(*yaml.Node, string){
				"policy": func(n *yaml.Node, key string) {
					if doc := l.document(n, key); doc != nil {
						r.Policy.Documents = append(r.Policy.Documents, doc)
					}
				},
			},
			later:   laterRoute,
			removed: removedRoute,
		})
		l.c.Routes = append(l.c.Routes, r)
		l.routeKeys = append(l.routeKeys, rn.key)
	}
}

// has reports whether key is given, in the document or the environment.
func (l *loading) has(key string) bool { return l.lines[key] > 0 || l.vars[key] != "" }

// refuse reports that key is wrong. Either of found and want may be "". What
// is refused already is not refused again for what follows from it.
func (l *loading) refuse(key, found, want string) {
	if !l.bad[key] {
		l.errs = append(l.errs, l.problem(key, found, want))
	}
	l.bad[key] = true
}

// refuseAt is refuse for what stands on another line than the key's first.
func (l *loading) refuseAt(line int, key, found, want string) {
	before := len(l.errs)
	l.refuse(key, found, want)
	if len(l.errs) > before && l.errs[before].File != environment && line > 0 {
		l.errs[before].Line = line
	}
}

// warn remarks on key without refusing the configuration.
func (l *loading) warn(key, found string) {
	l.c.Warnings = append(l.c.Warnings, l.problem(key, found, ""))
}

// problem finds the place of key: its own line, or that of the object that
// should hold it. What came from the environment is named by its variable, and
// what stands in another file by that file.
func (l *loading) problem(key, found, want string) *Error {
	if above, o := l.origin(key); above != "" {
		e := &Error{File: o.file, Key: strings.TrimPrefix(key[len(above):], "."), Found: found, Want: want}
		for at := key; len(at) > len(above) && e.Line == 0; at = parent(at) {
			e.Line = l.lines[at]
		}
		return e
	}
	for set, name := range l.vars {
		if below(key, set) {
			return &Error{File: environment, Key: name + key[len(set):], Found: found, Want: want}
		}
	}
	e := &Error{File: l.options.File, Key: key, Found: found, Want: want}
	for at := key; at != "" && e.Line == 0; at = parent(at) {
		e.Line = l.lines[at]
	}
	if e.File == "" {
		e.File = environment
		e.Key = envName(key)
	}
	return e
}

// environment is the place of what a variable says.
const environment = "environment"

// parent is the key of the object that key is in.
func parent(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }

// below reports whether key is above or a key within it.
func below(key, above string) bool {
	rest, ok := strings.CutPrefix(key, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// all returns the keys of m in order, so that errors do not depend on chance.
func all[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// readProblem says why a file could not be read, without its path.
func readProblem(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "not readable for this user"
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return err.Error()
}

// absolute returns path as the watcher and Config.Files name it.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
