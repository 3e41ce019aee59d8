package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSchemaFiles holds docs/schema against the code.
func TestSchemaFiles(t *testing.T) {
	t.Parallel()
	for of, name := range schemaFiles {
		file, err := os.ReadFile(filepath.Join("..", "..", "docs", "schema", name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := schemaText(of)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(file)); diff != "" {
			t.Errorf("%s is out of date: run make generate (-code +file):\n%s", name, diff)
		}
	}
	files, err := filepath.Glob("../../docs/schema/*")
	if err != nil || len(files) != len(schemaFiles) {
		t.Errorf("docs/schema has %q, %v; want %d files", files, err, len(schemaFiles))
	}
}
