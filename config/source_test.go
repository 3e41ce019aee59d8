package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// minimal is a configuration with one route and a file it names.
const minimal = `idp_provider: local
users: [{email: ada@example.com}]
shared_secret_file: secret
routes:
- {from: https://verify.localhost, verify: true, allow_any_authenticated_user: true}
`

const secretText = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=\n"

// watched starts a FileSource on a file and returns what it tells.
func watched(t *testing.T, file string) (*FileSource, <-chan struct{}) {
	t.Helper()
	s := NewFileSource(Options{File: file})
	if _, err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	told, done := make(chan struct{}, 16), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- s.Watch(ctx, func() { told <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, told
}

// expect waits for one change and loads it.
func expect(t *testing.T, s *FileSource, told <-chan struct{}) *Config {
	t.Helper()
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("no change was told")
	}
	c, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFileSourceSeesEveryWayOfReplacing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	put(t, filepath.Join(dir, "secret"), secretText)
	put(t, file, minimal)
	s, told := watched(t, file)

	put(t, file, "cookie_name: written\n"+minimal)
	if c := expect(t, s, told); c.CookieName != "written" {
		t.Errorf("written in place: cookie_name %q", c.CookieName)
	}
	put(t, file+".new", "cookie_name: renamed\n"+minimal)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	if c := expect(t, s, told); c.CookieName != "renamed" {
		t.Errorf("replaced by a rename: cookie_name %q", c.CookieName)
	}
	before, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "secret"), "b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmU=")
	if c := expect(t, s, told); string(c.SharedKey) == string(before.SharedKey) {
		t.Error("a named file was replaced, and the secret is the old one")
	}
}

func TestFileSourceFollowsLinksThatAreTurnedAround(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for version, name := range map[string]string{"v1": "one", "v2": "two"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, version, "config.yaml"), "cookie_name: "+name+"\n"+minimal)
		put(t, filepath.Join(dir, version, "secret"), secretText)
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "..data")
	link("..data/config.yaml", "config.yaml")
	link("..data/secret", "secret")
	s, told := watched(t, filepath.Join(dir, "config.yaml"))

	link("v2", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if c := expect(t, s, told); c.CookieName != "two" {
		t.Errorf("cookie_name %q, want the one of v2", c.CookieName)
	}
}

func TestFileSourceFindsAFileThatWasMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	put(t, filepath.Join(dir, "secret"), secretText)
	put(t, file, minimal)
	s, told := watched(t, file)

	if err := os.Remove(filepath.Join(dir, "secret")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("no change was told")
	}
	if _, err := s.Load(t.Context()); err == nil {
		t.Fatal("a configuration without its secret was loaded")
	}
	put(t, filepath.Join(dir, "secret"), secretText)
	expect(t, s, told)
}

func TestFileSourceRestsWhenToldTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	put(t, filepath.Join(dir, "secret"), secretText)
	put(t, file, minimal)
	s := NewFileSource(Options{File: file})
	for _, tc := range []struct {
		name, prefix string
		told         bool
	}{
		{"a change is told", "runtime_flags: {config_hot_reload: false}\n", true},
		{"with config_hot_reload off it is not", "cookie_name: a\n", false},
	} {
		if _, err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		put(t, file, tc.prefix+minimal)
		told := false
		s.look(func() { told = true })
		if told != tc.told {
			t.Errorf("%s: told %t", tc.name, told)
		}
	}
}

// TestFileSourceWatchesTheFolderOfPolicies: files that come, change and go.
func TestFileSourceWatchesTheFolderOfPolicies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, policies := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "policies")
	put(t, filepath.Join(dir, "secret"), secretText)
	put(t, file, "policy_dir: policies\n"+minimal)
	if err := os.Mkdir(policies, 0o700); err != nil {
		t.Fatal(err)
	}
	s, told := watched(t, file)

	put(t, filepath.Join(policies, "ops.yaml"), opsPPL)
	if c := expect(t, s, told); len(c.Policies) != 1 || c.Policies[0].Name != "ops" {
		t.Errorf("a file came: policies %v", c.Policies)
	}
	put(t, filepath.Join(policies, "ops.yaml"), "ppl: []\nshadow: true\n")
	if c := expect(t, s, told); !c.Policies[0].Shadow {
		t.Error("a file changed, and the policy is the old one")
	}
	if err := os.Rename(filepath.Join(policies, "ops.yaml"), filepath.Join(policies, "web.yaml")); err != nil {
		t.Fatal(err)
	}
	if c := expect(t, s, told); len(c.Policies) != 1 || c.Policies[0].Name != "web" {
		t.Errorf("a file was renamed: policies %v", c.Policies)
	}
	if err := os.Remove(filepath.Join(policies, "web.yaml")); err != nil {
		t.Fatal(err)
	}
	if c := expect(t, s, told); len(c.Policies) != 0 {
		t.Errorf("a file went: policies %v", c.Policies)
	}
	put(t, filepath.Join(policies, "bad.yaml"), "alow: 1\n")
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("no change was told")
	}
	if c, err := s.Load(t.Context()); c != nil || err == nil {
		t.Errorf("a bad file was taken: %v", err)
	}
	put(t, filepath.Join(policies, "bad.yaml"), opsPPL)
	expect(t, s, told)
}

// TestFileSourceFollowsAFolderOfPoliciesThatIsTurnedAround: as Kubernetes does
// inside of a folder, and as a link to a folder does as a whole.
func TestFileSourceFollowsAFolderOfPoliciesThatIsTurnedAround(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		dir := t.TempDir()
		file, policies := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "policies")
		put(t, filepath.Join(dir, "secret"), secretText)
		put(t, file, "policy_dir: policies\n"+minimal)
		data := policies
		if !whole {
			data = filepath.Join(policies, "..data")
		}
		link := func(to, name string) {
			t.Helper()
			if err := os.Symlink(to, name+".new"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(name+".new", name); err != nil {
				t.Fatal(err)
			}
		}
		elsewhere := t.TempDir()
		if !whole {
			elsewhere = policies
		}
		for version, content := range map[string]string{"..v1": opsPPL, "..v2": "ppl: []\nshadow: true\n"} {
			if err := os.MkdirAll(filepath.Join(elsewhere, version), 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(elsewhere, version, "ops.yaml"), content)
		}
		link(filepath.Join(elsewhere, "..v1"), data)
		if !whole {
			link("..data/ops.yaml", filepath.Join(policies, "ops.yaml"))
		}
		s, told := watched(t, file)
		link(filepath.Join(elsewhere, "..v2"), data)
		if c := expect(t, s, told); len(c.Policies) != 1 || !c.Policies[0].Shadow {
			t.Errorf("link of the whole folder %t: policies %v, want the one of v2", whole, c.Policies)
		}
		put(t, filepath.Join(elsewhere, "..v2", "ops.yaml"), opsPPL) // where the link leads now
		if c := expect(t, s, told); c.Policies[0].Shadow {
			t.Errorf("link of the whole folder %t: a change behind it was not seen", whole)
		}
	}
}
