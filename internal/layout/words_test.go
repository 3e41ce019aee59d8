package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/google/go-cmp/cmp"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCompatibilityNamesEveryKey holds docs/compatibility.md against the keys
// that there are, those to come and those that are gone, the runtime flags, and
// the criteria of the policy language.
func TestCompatibilityNamesEveryKey(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(read(t, "docs/compatibility.md"), -1) {
		named[m[1]] = true
	}
	c, err := config.Load(t.Context(), config.Options{File: filepath.Join("..", "..", "docs", "quickstart", "config.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string][]string{
		"setting":      tags(reflect.TypeFor[config.Settings]()),
		"route key":    append(tags(reflect.TypeFor[config.Route]()), "policy"),
		"runtime flag": keysOf(c.RuntimeFlags),
		"criterion":    append(texts(t, "policy/criterion.go", "knownElsewhere"), criteria(t)...),
	}
	for name, in := range map[string]string{
		"laterSettings": "config/later.go", "laterRoute": "config/later.go",
		"removedSettings": "config/removed.go", "removedRoute": "config/removed.go",
	} {
		groups[name] = texts(t, in, name)
	}
	for group, names := range groups {
		if len(names) < 2 {
			t.Errorf("%s: found only %q: this test has lost sight of them", group, names)
		}
		for _, name := range names {
			if !named[name] {
				t.Errorf("docs/compatibility.md does not name the %s %q", group, name)
			}
		}
	}
}

// tags lists the yaml names in t and in everything that it holds.
func tags(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.PkgPath(), module[:len(module)-1]) {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("yaml"); name != "" && name != "-" {
			names = append(append(names, name), tags(f.Type)...)
		}
	}
	return names
}

func keysOf(m map[string]bool) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	return names
}

// texts lists the keys of a package variable that is a map with text for keys.
func texts(t *testing.T, file, variable string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", filepath.FromSlash(file)), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != variable || len(spec.Values) != 1 {
			return true
		}
		for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
			text, err := strconv.Unquote(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, text)
		}
		return false
	})
	return keys
}

// criteria lists the criteria that there are, by the files that hold them.
func criteria(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "policy", "criterion_*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".go")
		if !strings.HasSuffix(name, "_test") {
			names = append(names, strings.TrimPrefix(name, "criterion_"))
		}
	}
	return names
}

// TestArchitectureDrawsTheSameArrows holds the table in docs/architecture.md
// against the one in this package.
func TestArchitectureDrawsTheSameArrows(t *testing.T) {
	t.Parallel()
	_, part, found := strings.Cut(read(t, "docs/architecture.md"), "### Who may import whom")
	part, _, _ = strings.Cut(part, "\n## ")
	if !found {
		t.Fatal("docs/architecture.md has no such section")
	}
	drawn := map[string][]string{}
	code := regexp.MustCompile("`([a-z/0-9]+)`")
	for line := range strings.Lines(part) {
		cells := strings.Split(line, "|")
		if room := code.FindStringSubmatch(cells[min(1, len(cells)-1)]); len(cells) == 4 && room != nil {
			drawn[room[1]] = []string{}
			for _, m := range code.FindAllStringSubmatch(cells[2], -1) {
				drawn[room[1]] = append(drawn[room[1]], m[1])
			}
		}
	}
	if diff := cmp.Diff(allowed, drawn); diff != "" {
		t.Errorf("(-test +docs/architecture.md):\n%s", diff)
	}
}

// TestTheWordsNameWhatThereIs looks up what the documents for people refer to:
// tasks of the Makefile, commands of the program, other files.
func TestTheWordsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	tasks := regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## `).FindAllStringSubmatch(read(t, "Makefile"), -1)
	var there []string
	for _, m := range tasks {
		there = append(there, m[1])
	}
	program := read(t, "cmd/cardea/command.go") + read(t, "cmd/cardea/trust.go") + read(t, "cmd/cardea/user.go") + read(t, "cmd/cardea/operators.go") +
		read(t, "cmd/cardea/session.go") + read(t, "cmd/cardea/user_admin.go") + read(t, "cmd/cardea/access.go") + read(t, "cmd/cardea/account.go")
	tools := read(t, "cmd/cardea/policies.go")
	for _, file := range []string{"explain", "explain_recorded", "replay", "policy_text", "policy_schema", "audit", "audit_list", "audit_verify", "audit_mend"} {
		tools += read(t, "cmd/cardea/"+file+".go")
	}
	program += tools
	task := regexp.MustCompile("(?m)(?:`|^)make ([a-z0-9-]+)")
	command := regexp.MustCompile("`(?:bin/)?cardea ([a-z-]+)")
	tool := regexp.MustCompile("(?m)(?:`|^)(?:bin/)?cardea policy ([a-z]+)")
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)|src="([^":]+)"`)
	for _, file := range documents(t) {
		text := read(t, file)
		for _, m := range task.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(there, m[1]) {
				t.Errorf("%s: the Makefile has no task %q", file, m[1])
			}
		}
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(program, `"`+m[1]+`"`) {
				t.Errorf("%s: the program has no command %q", file, m[1])
			}
		}
		for _, m := range tool.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`Use:\s+"` + m[1] + `\b`).MatchString(tools) {
				t.Errorf("%s: the program has no command \"policy %s\"", file, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to := filepath.Join("..", "..", filepath.Dir(filepath.FromSlash(file)), filepath.FromSlash(m[1]+m[2]))
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link to %q leads nowhere", file, m[1]+m[2])
			}
		}
	}
}

// documents lists the Markdown files of the repository.
func documents(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md", "SECURITY.md"}
	err := filepath.WalkDir(filepath.Join("..", "..", "docs"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(p) == ".md" {
			relative, _ := filepath.Rel(filepath.Join("..", ".."), p)
			files = append(files, filepath.ToSlash(relative))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
