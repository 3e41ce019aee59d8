// Package layout holds the house to its plan: who may import whom.
package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cardea-proxy/cardea/"

// allowed names, for each room, the rooms it may import. docs/architecture.md
// draws the same arrows; a decision record changes them. A room is the longest
// folder of this table that holds the file.
var allowed = map[string][]string{
	"authorize":                    {"config", "policy", "databroker", "internal/ticket", "internal/handoff", "internal/assertion", "internal/pages"},
	"authenticate":                 {"config", "databroker", "authenticate/idp", "authenticate/local", "authenticate/device", "authenticate/device/ceremony", "internal/handoff", "internal/pages", "internal/ticket"},
	"authenticate/idp":             {"config", "databroker"},
	"authenticate/local":           {"config", "databroker", "internal/pages", "internal/seal", "internal/ticket", "internal/handoff"},
	"authenticate/device":          {"config", "databroker", "authenticate/device/ceremony", "internal/pages", "internal/seal", "internal/ticket", "internal/handoff"},
	"authenticate/device/ceremony": {},
	"authenticate/device/softkey":  {},
	"proxy":                        {"config", "policy", "databroker", "internal/handoff", "internal/ticket", "internal/assertion", "internal/pages"},
	"proxy/console":                {"config", "policy", "databroker", "proxy/console/audit", "internal/pages", "internal/assertion", "internal/handoff"},
	"proxy/console/audit":          {"databroker"},
	"envoy":                        {"config", "envoy/xds"},
	"envoy/xds":                    {"config", "lua"},
	"config":                       {"policy"},
	"databroker":                   {"databroker/brokerpb", "internal/seal"},
	"databroker/bolt":              {"databroker", "databroker/brokerpb", "internal/seal"},
	"databroker/storetest":         {"databroker", "databroker/brokerpb", "internal/seal"},
	"databroker/brokerpb":          {},
	"policy":                       {},
	"lua":                          {},
	"internal":                     {"internal"},
}

// cmdOnly are imported by cmd alone.
var cmdOnly = []string{"internal/certs", "internal/telemetry", "internal/verify"}

// testsOnly are imported by tests alone.
var testsOnly = []string{"authenticate/device/softkey"}

// everything is allowed to wire, and to try from outside.
var everything = []string{"cmd", "internal/e2e", "internal/bench", "internal/layout"}

func TestImportsPointDown(t *testing.T) {
	files := 0
	walkGo(t, func(file string, imports []string) {
		files++
		from := path.Dir(file)
		for _, imported := range imports {
			to, ours := strings.CutPrefix(imported, module)
			if !ours || to == from || inAny(from, everything) {
				continue
			}
			if problem := judge(from, to, strings.HasSuffix(file, "_test.go")); problem != "" {
				t.Errorf("%s imports %s: %s", file, to, problem)
			}
		}
	})
	if files < 20 {
		t.Errorf("read only %d files: the walk is broken", files)
	}
}

// judge says why from must not import to, or nothing. Tests may also use what
// is made for tests, and the rooms their own room is wired to in the program.
func judge(from, to string, test bool) string {
	room := roomOf(from)
	switch {
	case within(to, "cmd"):
		return "nothing imports cmd"
	case inAny(to, cmdOnly) && !within(from, to):
		return "only cmd imports it"
	case inAny(to, testsOnly) && !within(from, to):
		if test {
			return ""
		}
		return "only tests import it"
	case test && (within(to, "internal/testidp") || within(to, "internal/schematest") || within(to, "databroker")):
		return ""
	case room == "":
		return "the folder is not in the table of rooms"
	case inAny(to, allowed[room]) && !strictlyBelowAnother(room, to):
		return ""
	case room == to || within(to, room) && roomOf(to) == room:
		return ""
	}
	return room + " may not; the table of rooms says " + strings.Join(allowed[room], ", ")
}

// strictlyBelowAnother reports whether to is a subfolder that only its own
// folder and cmd may import.
func strictlyBelowAnother(room, to string) bool {
	owner, sub, found := strings.Cut(to, "/")
	if !found || owner == "internal" {
		return false
	}
	return sub != "" && roomOf(to) != room && !within(room, owner) && !within(to, room)
}

// roomOf returns the longest entry of the table that holds folder.
func roomOf(folder string) string {
	best := ""
	for room := range allowed {
		if within(folder, room) && len(room) > len(best) {
			best = room
		}
	}
	return best
}

func within(folder, room string) bool {
	return folder == room || strings.HasPrefix(folder, room+"/")
}

func inAny(folder string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return within(folder, r) })
}

// walkGo calls visit for every Go file of the repository, with its imports.
func walkGo(t *testing.T, visit func(file string, imports []string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "build" || name == "bin" || name == "warm") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported)
		}
		relative, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		visit(filepath.ToSlash(relative), imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheTableCanRefuse tries arrows that must never be drawn.
func TestTheTableCanRefuse(t *testing.T) {
	for _, arrow := range [][2]string{
		{"authorize", "proxy"}, {"proxy", "authenticate"}, {"envoy", "authorize"}, {"envoy/xds", "policy"},
		{"policy", "config"}, {"config", "databroker"}, {"internal/ticket", "config"}, {"internal/pages", "policy"},
		{"authorize", "internal/seal"}, {"proxy", "databroker/bolt"}, {"authorize", "databroker/brokerpb"},
		{"databroker", "databroker/bolt"}, {"proxy", "internal/certs"}, {"authorize", "cmd/cardea"},
		{"lua", "config"}, {"elsewhere", "config"}, {"authorize", "authenticate/idp"},
		{"authenticate/device/ceremony", "config"}, {"authenticate/device", "authenticate/device/softkey"},
		{"authorize", "authenticate/device/ceremony"},
	} {
		if judge(arrow[0], arrow[1], false) == "" {
			t.Errorf("%s -> %s is let through", arrow[0], arrow[1])
		}
	}
	for _, arrow := range [][2]string{
		{"authorize", "policy"}, {"authenticate", "authenticate/local"}, {"databroker", "databroker/brokerpb"},
		{"internal/verify", "internal/pages"}, {"envoy", "envoy/xds"}, {"databroker/bolt", "databroker"},
		{"authenticate/device", "authenticate/device/ceremony"}, {"authenticate", "authenticate/device/ceremony"},
	} {
		if problem := judge(arrow[0], arrow[1], false); problem != "" {
			t.Errorf("%s -> %s: %s", arrow[0], arrow[1], problem)
		}
	}
}
