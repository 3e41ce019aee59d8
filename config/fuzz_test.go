package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad: whatever a file holds, Load returns a configuration or errors a
// person can read, and the same both times.
func FuzzLoad(f *testing.F) {
	names := []string{"config.yaml", "config.json", "config.toml"}
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(0), text)
	}
	f.Add(byte(1), []byte(`{"routes":[{"from":"https://a.localhost","to":["http://b,1",["http://c,2"]],"policy":{"allow":{"or":[{"accept":true}]}}}]}`))
	f.Add(byte(1), []byte(`{"a":"\ud83d\ude00","a":1e400,"b":[[[]]]}`))
	f.Add(byte(2), []byte("a.b.c = 1\n[[routes]]\nfrom = 'https://a.localhost'\n[routes.redirect]\nhost_redirect = \"b\"\n[[routes]]\nto = [{a=1}, 2020-01-01, +1_0, inf]\n"))
	f.Fuzz(func(t *testing.T, format byte, text []byte) {
		file := filepath.Join(t.TempDir(), names[int(format)%len(names)])
		put(t, file, string(text))
		c, err := Load(t.Context(), Options{File: file})
		_, again := Load(t.Context(), Options{File: file})
		if (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Fatalf("two answers: %v and %v", err, again)
		}
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 {
				t.Fatalf("error %T: %v", err, err)
			}
			for _, e := range all {
				if e.Line < 0 || e.Line > 2+strings.Count(string(text), "\n") && e.File == file || e.Found == "" && e.Want == "" {
					t.Errorf("unhelpful error %#v", e)
				}
			}
			return
		}
		for _, r := range c.Routes {
			if r.ID == "" || r.From.Host == "" || r.Line < 1 {
				t.Errorf("unfinished route %+v", r)
			}
		}
	})
}

// FuzzParseUpstream: what is taken has a place to connect to.
func FuzzParseUpstream(f *testing.F) {
	for _, s := range []string{"http://a", "https://a:1,5", "unix:///a", "tcp://[::1]:2", "h2c://localhost", "http://a@b", "a:80", ","} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, want := parseUpstream(s)
		if want != "" {
			return
		}
		if host, _ := u.Address(); host == "" || u.URL.User != nil {
			t.Errorf("%q was taken as %v", s, u.URL)
		}
	})
}
