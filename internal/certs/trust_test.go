package certs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outcomes are the outcomes by store, the home folder shortened.
func outcomes(changes []Change, home string) map[string]Outcome {
	got := make(map[string]Outcome)
	for _, c := range changes {
		got[strings.ReplaceAll(c.Store, home, "~")] = c.Outcome
	}
	return got
}

func TestBrowsersTrust(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("certutil"); err != nil {
		t.Skip("certutil (libnss3-tools) is not installed")
	}
	a, other := newAuthority(t), newAuthority(t)
	home := t.TempDir()
	firefox := filepath.Join(home, ".mozilla", "firefox", "x [1].default")
	must(t, os.MkdirAll(firefox, 0o700))
	must(t, os.MkdirAll(filepath.Join(home, ".mozilla", "firefox", "empty"), 0o700))
	if out, err := exec.Command("certutil", "-N", "--empty-password", "-d", "sql:"+firefox).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o := TrustOptions{Certificate: a.Certificate(), File: a.Path(), Home: home, System: "linux", Root: t.TempDir()}
	o2 := o
	o2.Certificate, o2.File = other.Certificate(), other.Path()
	const chromium, fox = "Chromium and Chrome (~/.pki/nssdb)", "Firefox (~/.mozilla/firefox/x [1].default)"
	list := func() string {
		out, err := exec.Command("certutil", "-L", "-d", "sql:"+firefox).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}

	for _, step := range []struct {
		name string
		do   func() ([]Change, error)
		want Outcome
		in   bool
	}{
		{"taken out before it was put in", func() ([]Change, error) { return Untrust(t.Context(), o) }, NotThere, false},
		{"put in", func() ([]Change, error) { return Trust(t.Context(), o) }, Added, true},
		{"put in again", func() ([]Change, error) { return Trust(t.Context(), o) }, AlreadyThere, true},
		{"another one is put in", func() ([]Change, error) { return Trust(t.Context(), o2) }, Added, true},
		{"taken out", func() ([]Change, error) { return Untrust(t.Context(), o) }, Removed, false},
		{"taken out again", func() ([]Change, error) { return Untrust(t.Context(), o) }, NotThere, false},
	} {
		changes, err := step.do()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		want := map[string]Outcome{"system": changes[0].Outcome, chromium: step.want, fox: step.want}
		if diff := cmp.Diff(want, outcomes(changes, home)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if in := strings.Contains(list(), o.label()); in != step.in {
			t.Errorf("%s: in the database: %v, want %v", step.name, in, step.in)
		}
	}
	if !strings.Contains(list(), o2.label()+" ") {
		t.Error("the other authority was taken out, too")
	}
	if !strings.Contains(list(), "C,,") {
		t.Errorf("it is not trusted for servers alone:\n%s", list())
	}
}

func TestWithoutCertutil(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	home := t.TempDir()
	o := TrustOptions{
		Certificate: a.Certificate(), File: a.Path(), Home: home, System: "linux", Root: t.TempDir(),
		Look: func(string) (string, error) { return "", exec.ErrNotFound },
		Run: func(_ context.Context, name string, _ ...string) ([]byte, error) {
			t.Errorf("%s is run", name)
			return nil, nil
		},
	}
	changes, err := Trust(t.Context(), o)
	must(t, err)
	for _, c := range changes {
		if c.Outcome != Skipped || c.Hint == "" {
			t.Errorf("%+v, want it skipped with a hint", c)
		}
	}
	if _, err := os.Stat(filepath.Join(home, ".pki")); err == nil {
		t.Error("a folder was made for nothing")
	}
}

func TestSystemTrust(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ tool, folder, file string }{
		{"update-ca-certificates", "/usr/local/share/ca-certificates", ".crt"},
		{"update-ca-trust", "/etc/pki/ca-trust/source/anchors", ".pem"},
		{"trust", "/etc/ca-certificates/trust-source/anchors", ".crt"},
		{"update-ca-certificates", "/etc/pki/trust/anchors", ".pem"},
	} {
		t.Run(tc.folder, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			root := t.TempDir()
			folder := root + tc.folder
			must(t, os.MkdirAll(folder, 0o755))
			must(t, os.WriteFile(filepath.Join(folder, "company.crt"), []byte("theirs"), 0o644))
			var ran []string
			o := TrustOptions{
				Certificate: a.Certificate(), File: a.Path(), Home: t.TempDir(), System: "linux", Root: root,
				Look: func(name string) (string, error) {
					if name == tc.tool {
						return "/usr/sbin/" + name, nil
					}
					return "", exec.ErrNotFound
				},
				Run: func(_ context.Context, name string, _ ...string) ([]byte, error) {
					ran = append(ran, name)
					return nil, nil
				},
			}
			system := func(changes []Change, err error) Outcome {
				t.Helper()
				must(t, err)
				return changes[0].Outcome
			}
			if got := system(Trust(t.Context(), o)); got != Added {
				t.Errorf("Trust: %s", got)
			}
			files, err := filepath.Glob(folder + "/cardea-*" + tc.file)
			must(t, err)
			if len(files) != 1 {
				t.Fatalf("files: %q", files)
			}
			info, err := os.Stat(files[0])
			must(t, err)
			if info.Mode().Perm() != 0o644 {
				t.Errorf("mode %#o: others could not read it", info.Mode().Perm())
			}
			if got := system(Trust(t.Context(), o)); got != AlreadyThere {
				t.Errorf("Trust again: %s", got)
			}
			if got := system(Untrust(t.Context(), o)); got != Removed {
				t.Errorf("Untrust: %s", got)
			}
			if got := system(Untrust(t.Context(), o)); got != NotThere {
				t.Errorf("Untrust again: %s", got)
			}
			if !slices.Equal(ran, []string{tc.tool, tc.tool}) {
				t.Errorf("ran %q", ran)
			}
			if _, err := os.Stat(filepath.Join(folder, "company.crt")); err != nil {
				t.Error("another authority's file is gone")
			}
		})
	}
}

func TestKeychain(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	o := TrustOptions{Certificate: a.Certificate(), File: a.Path(), Home: "/Users/ann", System: "darwin"}
	there := false
	var ran []string
	o.Run = func(_ context.Context, name string, args ...string) ([]byte, error) {
		ran = append(ran, name+" "+args[0])
		switch {
		case args[0] == "add-trusted-cert":
			there = true
		case args[0] == "delete-certificate":
			there = false
		case there:
			return []byte("SHA-1 hash: " + keychain{o}.fingerprint() + "\n"), nil
		default:
			return nil, errors.New("the specified item could not be found in the keychain")
		}
		return nil, nil
	}
	for _, step := range []struct {
		do   func(context.Context, TrustOptions) ([]Change, error)
		want Outcome
	}{{Untrust, NotThere}, {Trust, Added}, {Trust, AlreadyThere}, {Untrust, Removed}} {
		changes, err := step.do(t.Context(), o)
		must(t, err)
		if len(changes) != 1 || changes[0].Outcome != step.want {
			t.Errorf("%+v, want %s; ran %q", changes, step.want, ran)
		}
	}
}

func TestTrustGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	broken := errors.New("disk is full")
	o := TrustOptions{
		Certificate: a.Certificate(), File: a.Path(), Home: t.TempDir(), System: "linux", Root: t.TempDir(),
		Look: func(name string) (string, error) { return name, nil },
		Run:  func(context.Context, string, ...string) ([]byte, error) { return nil, broken },
	}
	must(t, os.MkdirAll(o.Root+"/usr/local/share/ca-certificates", 0o755))
	changes, err := Trust(t.Context(), o)
	if !errors.Is(err, broken) {
		t.Errorf("Trust: %v", err)
	}
	if len(changes) != 2 || changes[0].Outcome != Failed || changes[1].Outcome != Failed {
		t.Errorf("%+v, want both stores failed", changes)
	}
}
