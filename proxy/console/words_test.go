package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestEveryWordIsThere finds the keys in the source: a missing sentence would
// show as its key.
func TestEveryWordIsThere(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	// The functions whose argument of that number is a key.
	takes := map[string]int{"say": 0, "column": 0, "search": 0, "filter": 1, "input": 1, "done": 1}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch fn := call.Fun.(type) {
			case *ast.Ident:
				name = fn.Name
			case *ast.SelectorExpr:
				name = fn.Sel.Name
			}
			i, known := takes[name]
			if !known || i >= len(call.Args) {
				return true
			}
			lit, ok := call.Args[i].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			key, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			if name == "done" {
				key = "done." + key
			}
			if seen++; words[key] == "" {
				t.Errorf("%s: no words for %q", f.Name(), key)
			}
			return true
		})
	}
	for _, s := range sections {
		if words[s.label] == "" {
			t.Errorf("no words for the section %q", s.label)
		}
	}
	if seen < 50 {
		t.Errorf("only %d keys found: the search is broken", seen)
	}
}

func TestSentencesIsolateNames(t *testing.T) {
	t.Parallel()
	if got := say("guest.lead", "a\u202eb"); !strings.Contains(got, "\u2068a[U+202E]b\u2069") {
		t.Errorf("%q", got)
	}
	if got := say("no.such.key"); got != "no.such.key" {
		t.Errorf("%q", got)
	}
}
