package envoy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("CARDEA_TEST_PARENT"); dir != "" {
		beParent(dir)
		return
	}
	os.Exit(m.Run())
}

func TestProcessServesAndKeepsServing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	app := application(t, "hello", nil)
	if err := h.ads.Apply(t.Context(), h.simple(t, app)); err != nil {
		t.Fatal(err)
	}
	h.wantGet(t, "/", "hello")

	t.Run("killed, it is back within a second with what it had", func(t *testing.T) {
		old := h.process.PID()
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Second, "a new Envoy serves", func() bool {
			status, body, err := h.get("/")
			return err == nil && status == http.StatusOK && body == "hello"
		})
		if pid := h.process.PID(); pid == old || pid == 0 {
			t.Errorf("pid is %d, was %d", pid, old)
		}
		if n := h.process.Restarts(); n != 1 {
			t.Errorf("%d restarts, want 1", n)
		}
	})

	t.Run("its log and its access log come out in whole lines", func(t *testing.T) {
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		out := h.out.String()
		for _, want := range []string{
			"access /\n",
			`"message":"envoy ended, starting it again"`,
			`{"level":"info","service":"envoy","component":"main","message":"starting main dispatch loop"}`,
		} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "access ") {
				t.Errorf("a broken line: %q", line)
			}
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("an idle Envoy ends at once", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, func(o *Options, _ *ADSOptions) { o.DrainTime = time.Minute })
		app := application(t, "hello", nil)
		if err := h.ads.Apply(t.Context(), h.simple(t, app)); err != nil {
			t.Fatal(err)
		}
		h.wantGet(t, "/", "hello")
		before := time.Now()
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})

	t.Run("a request under way ends first", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, func(o *Options, _ *ADSOptions) { o.DrainTime = time.Minute })
		slow := make(chan struct{})
		app := application(t, "at last", slow)
		if err := h.ads.Apply(t.Context(), h.simple(t, app)); err != nil {
			t.Fatal(err)
		}
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/slow", h.port))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		ended := make(chan error, 1)
		go func() { ended <- h.stop() }()
		eventually(t, 5*time.Second, "draining", func() bool {
			return strings.Contains(h.out.String(), "envoy is draining")
		})
		close(slow)
		body, err := io.ReadAll(response.Body)
		if err != nil || string(body) != "at last" {
			t.Errorf("body %q, error %v", body, err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	t.Run("a request that does not end is cut off in time", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, func(o *Options, _ *ADSOptions) { o.DrainTime = time.Second })
		slow := make(chan struct{})
		app := application(t, "never", slow)
		defer close(slow)
		if err := h.ads.Apply(t.Context(), h.simple(t, app)); err != nil {
			t.Fatal(err)
		}
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/slow", h.port))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		before := time.Now()
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took < time.Second || took > 5*time.Second {
			t.Errorf("took %v, want a little more than the second it may take", took)
		}
	})
}

func TestProcessThatCannotStart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		script string // "" is no file
		want   string
	}{
		{"there is no such file", "", "no such file"},
		{"it ends with a complaint", "#!/bin/sh\necho 'cannot find libgood.so' >&2\nexit 7\n", "exit status 7: cannot find libgood.so"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			path := filepath.Join(dir, "broken")
			if tc.script != "" {
				if err := os.WriteFile(path, []byte(tc.script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			p, err := New(Options{Path: path, Dir: dir, ControlSocket: dir + "/c", AccessLog: io.Discard, Log: zerolog.Nop()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := p.Run(ctx); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Run: %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestEnvoyDiesWithItsParent(t *testing.T) {
	t.Parallel()
	if !dyingTogether {
		t.Skip("this system has no death signal")
	}
	dir := shortDir(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "CARDEA_TEST_PARENT="+dir, "CARDEA_ENVOY="+binary(t))
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("Envoy %d does not live: %v", pid, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	eventually(t, 2*time.Second, "Envoy is gone", func() bool { return gone(pid) })
}

// gone reports whether the process has ended; one that nobody reaped counts.
func gone(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(status), "State:\tZ")
}

// beParent is a program that starts Envoy, says its pid, and waits for the end.
// Threads come and go in it, as in any Go program: none may take Envoy along.
func beParent(dir string) {
	p, err := New(Options{
		Path: os.Getenv("CARDEA_ENVOY"), Dir: dir, ControlSocket: filepath.Join(dir, "control.sock"),
		AccessLog: io.Discard, Log: zerolog.Nop(), Concurrency: 1,
	})
	if err != nil {
		panic(err)
	}
	go func() { panic(p.Run(context.Background())) }()
	for p.PID() == 0 {
		time.Sleep(5 * time.Millisecond) // in the child program, not in a test
	}
	fmt.Println(p.PID())
	select {}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for deaths, want := range map[int]time.Duration{
		1: 0, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 7: 5 * time.Second, 1000: 5 * time.Second,
	} {
		if got := pause(deaths); got != want {
			t.Errorf("pause(%d) = %v, want %v", deaths, got, want)
		}
	}
}
