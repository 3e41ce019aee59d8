package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
)

func TestAdminClientAsksForTheIDAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/explanations/{request}", func(w http.ResponseWriter, r *http.Request) {
		got <- r.PathValue("request")
		answerJSON(w, explained{}, nil)
	})
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	server.Start()
	t.Cleanup(server.Close)
	const id = "a/b%2f?c d"
	var x explained
	if err := newAdminClient(path).json(t.Context(), "/v1/explanations/"+url.PathEscape(id), &x); err != nil {
		t.Fatal(err)
	}
	if got := <-got; got != id {
		t.Errorf("asked for %q, want %q", got, id)
	}
}
