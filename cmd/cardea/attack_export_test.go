package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/journal"
)

// A replay of half of the decisions must not look like one of all.
func TestAnExportThatEndsEarlySaysSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := journal.Options{Dir: dir, MaxBytes: journal.MinBytes, MaxAge: time.Hour}
	j, err := journal.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	j.Add(&journal.Entry{RequestID: "r", Time: time.Now()})
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Run(done); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %q, %v", files, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := os.WriteFile(files[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	h := &house{}
	if h.journal, err = journal.Open(options); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h.admin())
	t.Cleanup(server.Close)
	resp, err := http.Get(server.URL + "/v1/decisions?since=2000-01-01T00:00:00Z")
	if err != nil {
		return // as it should be
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("answered %d %q as if that were all", resp.StatusCode, body)
	}
}
