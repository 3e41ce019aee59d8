package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
)

// TestAttackManyAskForTests while the files change: each gets an answer of its
// own, of one run.
func TestAttackManyAskForTests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, tests := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "config_test.yaml")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(file, "authenticate_service_url: https://login.localhost\nidp_provider: local\nusers: [{email: a@b.example}]\nroutes:\n- {from: https://app.localhost, to: http://b, policy: {allow: {or: [{email: {is: a@b}}, {groups: ops}]}}}\n")
	suite := func(n int) string {
		text := "tests:\n"
		for i := range n {
			text += fmt.Sprintf("- {name: t%d, route: https://app.localhost/, person: {email: a@b}, want: allow}\n", i)
		}
		return text
	}
	write(tests, suite(1))
	cfg, err := config.Load(t.Context(), config.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	o, err := prepareOffline(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := insight{&house{reloader: new(reloader)}}
	now := &generation{config: o.config, programs: o.programs, offline: func() (*offline, error) { return o, nil }}
	h.reloader.active.Store(now)
	route := routeOf(o.config, o.config.Routes[0])
	x, err := o.programs[o.config.Routes[0].ID].Explain(t.Context(), policy.Scenario{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 20 {
				if i == 0 {
					write(tests+".new", suite(n+1))
					if err := os.Rename(tests+".new", tests); err != nil {
						t.Error(err)
					}
				}
				out, err := h.PolicyTests(t.Context())
				if err != nil || len(out.Tests) == 0 || int(out.Coverage.Tests) != len(out.Tests) || out.Coverage.Failed != 0 {
					t.Errorf("%v, %v", out, err)
					return
				}
				out.Tests[0] = nil // it is ours
				if c, err := h.coverageOf(t.Context(), now, route, x); err != nil || c.Tests == 0 {
					t.Errorf("%v, %v", c, err)
					return
				}
			}
		})
	}
	all.Wait()
}
