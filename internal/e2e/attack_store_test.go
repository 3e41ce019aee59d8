package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// TestARawStoreTellsNothing reads every file of an installation whose people
// have signed in.
func TestARawStoreTellsNothing(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, "", "")
	c := h.signIn(t, ann, clientOptions{})
	stolen := c.loot(t, h.in.at("any.localhost/"))
	h.in.stop(t)
	secrets := map[string]string{
		"e-mail": ann.Email, "name of a claim": "email_verified", "subject": ann.Sub, "token": "eyJ", "ticket": stolen.ticket, "binder": stolen.binder, "client secret": "client secret",
	}
	if form := h.idp.Last(testidp.Token); form.Get("code") != "" {
		secrets["code"] = form.Get("code")
	}
	seen := 0
	err := filepath.Walk(filepath.Join(h.in.dir, "data"), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		for name, secret := range secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds the %s", path, name)
			}
		}
		return nil
	})
	if err != nil || seen < 2 {
		t.Fatalf("%d files: %v", seen, err)
	}
}

// A storedValue is one value of the raw store, wherever it lies.
type storedValue struct {
	bucket [][]byte
	key    []byte
	value  []byte
}

// rawValues reads all values of a store that nobody has open.
func rawValues(t testing.TB, path string) []storedValue {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all []storedValue
	var walk func(b *bbolt.Bucket, at [][]byte) error
	walk = func(b *bbolt.Bucket, at [][]byte) error {
		return b.ForEach(func(k, v []byte) error {
			if v == nil {
				return walk(b.Bucket(k), append(at[:len(at):len(at)], bytes.Clone(k)))
			}
			all = append(all, storedValue{at, bytes.Clone(k), bytes.Clone(v)})
			return nil
		})
	}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return walk(b, [][]byte{bytes.Clone(name)}) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// putRaw writes a value where another was.
func putRaw(t testing.TB, path string, at storedValue, value []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(at.bucket[0])
		for _, name := range at.bucket[1:] {
			b = b.Bucket(name)
		}
		return b.Put(at.key, value)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRecordsCannotBeMoved swaps values of the raw store between two people,
// each with each of its size, and asks who the browser is then.
func TestRecordsCannotBeMoved(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, "", "  - {from: 'https://closed.localhost', verify: true, allowed_users: [ann@corp.example]}\n")
	bobs := h.signIn(t, bob, clientOptions{})
	bobs.browse(t, h.in.at("closed.localhost/")).want(t, http.StatusForbidden)
	path := filepath.Join(h.in.dir, "data", "databroker", "records.db")
	h.in.stop(t)
	before := rawValues(t, path)
	h.in.start(t)
	h.signIn(t, ann, clientOptions{})
	h.in.stop(t)
	old := make(map[string]bool)
	for _, v := range before {
		old[fmt.Sprintf("%q/%q", v.bucket, v.key)] = true
	}
	var bobs2, anns []storedValue
	for _, v := range rawValues(t, path) {
		if len(v.value) < 40 {
			continue // counters
		}
		if old[fmt.Sprintf("%q/%q", v.bucket, v.key)] {
			bobs2 = append(bobs2, v)
		} else {
			anns = append(anns, v)
		}
	}
	if len(bobs2) == 0 || len(anns) == 0 {
		t.Fatalf("%d values before and %d after", len(bobs2), len(anns))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, target := range bobs2 {
		for _, from := range anns {
			// Values of one kind have about one size.
			if bytes.Equal(target.bucket[0], from.bucket[0]) && tried < 8 && len(from.value)*2 > len(target.value) && len(from.value) < 2*len(target.value) {
				tried++
				if err := os.WriteFile(path, whole, 0o600); err != nil {
					t.Fatal(err)
				}
				putRaw(t, path, target, from.value)
				h.in.begin(t)
				if h.in.endsOrServes(t) {
					continue // refused to start with such a store
				}
				if a := bobs.get(t, h.in.at("closed.localhost/"), "Accept", "text/html"); a.status == http.StatusOK {
					t.Errorf("with %q/%q for %q/%q bob is ann", from.bucket, from.key, target.bucket, target.key)
				}
				h.in.stop(t)
			}
		}
	}
	t.Logf("%d values moved", tried)
	if tried == 0 {
		t.Error("no two values were alike")
	}
}

// endsOrServes waits for the program to serve, and reports whether it ended
// instead.
func (in *instance) endsOrServes(t testing.TB) (ended bool) {
	t.Helper()
	eventually(t, patience, "start or end", func() error {
		select {
		case <-in.ended:
			ended = true
			return nil
		default:
		}
		if strings.Contains(in.words.text(), "Ctrl-C stops") {
			return nil
		}
		return fmt.Errorf("neither")
	})
	return ended
}

// TestNothingElseListens: but for what the configuration names, there are only
// private sockets.
func TestNothingElseListens(t *testing.T) {
	s := use(t)
	pids := []int{s.in.cmd.Process.Pid, s.in.envoyPID(t, 0)}
	allowed := map[string]bool{s.in.port: true, portOf(t, s.in.health): true}
	for _, pid := range pids {
		for _, port := range listeningPorts(t, pid) {
			if !allowed[port] {
				t.Errorf("process %d listens on port %s", pid, port)
			}
		}
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "cardea-[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // of another run, which has just ended
		}
		if checked++; info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", dir, info.Mode())
		}
	}
	if checked == 0 {
		t.Error("no folder of sockets was found")
	}
}

func portOf(t testing.TB, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
