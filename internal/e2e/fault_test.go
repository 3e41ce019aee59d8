package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// routesForFaults lead to a real upstream, so that what gets through is seen.
func routesForFaults(t testing.TB) (*upstream, string) {
	t.Helper()
	u := newUpstream("plain", nil)
	t.Cleanup(func() {
		u.server.CloseClientConnections()
		u.server.Close()
	})
	return u, "  - {from: 'https://app.localhost', to: 'http://" + u.address() + "', timeout: 30s, allowed_users: [ann@corp.example]}\n"
}

func TestTerminationDrains(t *testing.T) {
	_, routes := routesForFaults(t)
	h := launchHousehold(t, testidp.Options{}, "", routes)
	envoy := h.in.envoyPID(t, 0)
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	mark := h.in.logs.mark()
	type outcome struct {
		a   answer
		err error
	}
	done := make(chan outcome)
	go func() {
		a, err := c.try(t.Context(), http.MethodGet, h.in.at("app.localhost/echo/slow?for=1500ms"), "")
		done <- outcome{a, err}
	}()
	// The decision is logged, so the request is on its way.
	h.in.logs.awaitLog(t, mark, h.in.ended, "service", "authorize", "path", "/echo/slow")
	h.in.signal(t, syscall.SIGTERM)
	if got := <-done; got.err != nil || got.a.status != http.StatusOK {
		t.Errorf("the request under way ended with %d: %v", got.a.status, got.err)
	}
	if code := h.in.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, h.in.words.text())
	}
	awaitGone(t, envoy)
	if _, err := h.in.tryDial(&tls.Config{}); err == nil {
		t.Error("somebody still listens")
	}
}

func TestKilledCardea(t *testing.T) {
	_, routes := routesForFaults(t)
	h := launchHousehold(t, testidp.Options{}, "", routes)
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	for round := range 2 {
		envoy := h.in.envoyPID(t, 0)
		h.in.signal(t, syscall.SIGKILL)
		<-h.in.ended
		awaitGone(t, envoy)
		h.in.start(t)
		if a := c.get(t, h.in.at("app.localhost/")); a.status != http.StatusOK {
			t.Fatalf("round %d: signed out, status %d", round, a.status)
		}
	}
}

// TestKilledEnvoy asks all the time while Envoy is killed: nobody gets through
// without a session, and those who have one soon do again.
func TestKilledEnvoy(t *testing.T) {
	u, routes := routesForFaults(t)
	h := launchHousehold(t, testidp.Options{}, "", routes)
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	before := u.count.Load()
	stranger := h.in.client(t, clientOptions{})
	for round := range 2 {
		mark := h.in.logs.mark()
		envoy := h.in.envoyPID(t, 0)
		if round > 0 {
			envoy = h.in.lastEnvoyPID(t)
		}
		killed := time.Now()
		if err := syscall.Kill(envoy, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, "return of Envoy", func() error {
			a, err := stranger.try(t.Context(), http.MethodGet, h.in.at("app.localhost/"), "")
			switch {
			case err != nil:
				return err
			case a.status == http.StatusServiceUnavailable:
				return fmt.Errorf("status %d", a.status)
			case !a.signInAsked():
				t.Fatalf("a stranger got %d: %s", a.status, a.brief())
			}
			return nil
		})
		t.Logf("back after %v", time.Since(killed).Round(time.Millisecond))
		h.in.logs.awaitLog(t, mark, h.in.ended, "message", "envoy is ready")
		c.get(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
		if got := u.count.Load() - before; got != int64(round+1) {
			t.Fatalf("the upstream got %d requests, want %d", got, round+1)
		}
	}
}

// lastEnvoyPID returns the process id of the Envoy that was started last.
func (in *instance) lastEnvoyPID(t testing.TB) int {
	t.Helper()
	lines, _ := in.logs.since(0)
	for i := len(lines) - 1; i >= 0; i-- {
		if parseLog(lines[i]).text("message") == "envoy is ready" {
			return in.envoyPID(t, i)
		}
	}
	t.Fatal("no Envoy was ready")
	return 0
}

// pause stops the program alone, and waits until the last of its threads has.
func (in *instance) pause(t testing.TB) {
	t.Helper()
	in.signal(t, syscall.SIGSTOP)
	eventually(t, patience, "stop of every thread", func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", in.cmd.Process.Pid))
		if err != nil || len(threads) == 0 {
			t.Skip("whether a process has stopped is read from /proc")
		}
		for _, thread := range threads {
			if stat, err := os.ReadFile(thread); err == nil && !strings.Contains(string(stat), ") T ") {
				return errors.New("one runs")
			}
		}
		return nil
	})
}

// TestADecisionThatDoesNotCome stops the program that decides, while Envoy goes
// on: doubt denies.
func TestADecisionThatDoesNotCome(t *testing.T) {
	u, routes := routesForFaults(t)
	h := launchHousehold(t, testidp.Options{}, "grpc_client_timeout: 2s", routes+
		"  - {from: 'https://public.localhost', to: 'http://"+u.address()+"', allow_public_unauthenticated_access: true}\n")
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	c.get(t, h.in.at("public.localhost/")).want(t, http.StatusOK)
	before := u.count.Load()
	h.in.pause(t)
	for _, path := range []string{"app.localhost/", "public.localhost/"} {
		a := c.get(t, h.in.at(path), "Accept", "text/html")
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: status %d, %s: %s", path, a.status, a.header.Get("Content-Type"), a.brief())
		}
	}
	if got := u.count.Load(); got != before {
		t.Errorf("the upstream got %d requests", got-before)
	}
	h.in.signal(t, syscall.SIGCONT)
	eventually(t, patience, "recovery", c.statusIs(t, h.in.at("app.localhost/"), http.StatusOK))
}

func TestTheIdentityProviderIsDown(t *testing.T) {
	_, routes := routesForFaults(t)
	h := launchHousehold(t, testidp.Options{}, "", routes)
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("app.localhost/")).want(t, http.StatusOK)
	for _, lie := range []testidp.Lie{testidp.BrokenToken, testidp.Broken, testidp.Down} {
		t.Run(string(lie), func(t *testing.T) {
			h.idp.Lie(lie)
			defer h.idp.Lie()
			c.get(t, h.in.at("app.localhost/")).want(t, http.StatusOK) // who is in stays in
			stranger := h.in.client(t, clientOptions{})
			a, err := stranger.try(t.Context(), http.MethodGet, h.in.at("app.localhost/"), "", "Accept", "text/html")
			for err == nil && a.status == http.StatusFound && strings.Contains(a.location(t).Host, "localhost:") {
				a, err = stranger.try(t.Context(), http.MethodGet, a.location(t).String(), "", "Accept", "text/html")
			}
			if err == nil && a.status == http.StatusFound { // at the provider
				if a, err = stranger.try(t.Context(), http.MethodGet, a.location(t).String(), ""); err != nil || a.status >= 400 {
					return // its own page, or none: not ours to mend
				}
				a = stranger.follow(t, a, "Accept", "text/html")
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.status < 500 || !strings.Contains(a.body, "<h1>") {
				t.Errorf("status %d: %s", a.status, a.brief())
			}
		})
	}
}

// TestAClockThatIsWrong signs in at a provider whose clock is an hour off.
func TestAClockThatIsWrong(t *testing.T) {
	_, routes := routesForFaults(t)
	h := launchHousehold(t, testidp.Options{}, "", routes)
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(offset.String(), func(t *testing.T) {
			h.idp.SetClock(offset)
			defer h.idp.SetClock(0)
			a := h.enter(t, h.in.client(t, clientOptions{}), ann, "any.localhost/")
			if a.status < 400 || !strings.Contains(strings.ToLower(a.brief()), "clock") {
				t.Errorf("status %d: %s", a.status, a.brief())
			}
		})
	}
}

// TestAnUpstreamThatLeaves cuts an answer in the middle.
func TestAnUpstreamThatLeaves(t *testing.T) {
	u, _ := routesForFaults(t)
	in := launch(t, "routes:\n  - {from: 'https://app.localhost', to: 'http://"+u.address()+"', timeout: 0s, allow_public_unauthenticated_access: true}\n")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.at("app.localhost/echo/stream"), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := in.client(t, clientOptions{})
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	u.server.CloseClientConnections()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("an answer that was cut reads as whole: %q", body)
	}
	c.get(t, in.at("app.localhost/")).want(t, http.StatusOK)
}
