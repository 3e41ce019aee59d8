package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// findH2load says how to get h2load where it is missing.
func findH2load() error {
	if _, err := exec.LookPath("h2load"); err != nil {
		return errors.New("h2load is not installed: it makes the load\n" +
			"  Debian, Ubuntu: apt-get install nghttp2-client\n" +
			"  Fedora:         dnf install nghttp2\n" +
			"  macOS:          brew install nghttp2")
	}
	return nil
}

// A load is how a target is shot at.
type load struct {
	proto   string // h1 or h2
	conns   int
	streams int // at a time on one HTTP/2 connection
	seconds int
}

// A figure is what one shot found.
type figure struct {
	target   string
	load     load
	round    int
	rate     float64       // requests a second
	p50, p99 time.Duration // of the time from request to answer
	cpu      usage         // processor time of the target for one request
	memory   []residence
}

// shoot loads t once. Every request must be answered, and with 200: a target
// that refuses some is fast for the wrong reason.
func (w *world) shoot(ctx context.Context, t *target, l load) (figure, error) {
	log := filepath.Join(shared(w.dir), fmt.Sprintf("cardea-bench-%d.log", os.Getpid()))
	defer func() { _ = os.Remove(log) }() // a temporary file
	argv := []string{
		"-D", strconv.Itoa(l.seconds), "-c", strconv.Itoa(l.conns), "-t", "1",
		"--connect-to", loopback(t.port), "--log-file", log, "-H", "cookie: " + t.cookie,
	}
	want := "h2"
	if l.proto == "h1" {
		want = "http/1.1"
		argv = append(argv, "--h1")
	} else {
		argv = append(argv, "-m", strconv.Itoa(l.streams))
	}
	before := processorTime(t.pids)
	out, err := exec.CommandContext(ctx, "h2load", append(argv, t.url("/"))...).CombinedOutput()
	cpu := processorTime(t.pids).minus(before)
	memory := resident(t.pids)
	if err != nil {
		return figure{}, fmt.Errorf("h2load on %s: %w\n%s", t.name, err, out)
	}
	if err := judge(string(out), want); err != nil {
		return figure{}, fmt.Errorf("%s, %s, %d connections: %w\n%s", t.name, l.proto, l.conns, err, out)
	}
	took, err := readLog(log)
	if err != nil {
		return figure{}, fmt.Errorf("%s, %s, %d connections: %w", t.name, l.proto, l.conns, err)
	}
	slices.Sort(took)
	return figure{
		target: t.name, load: l, memory: memory,
		rate: float64(len(took)) / float64(l.seconds),
		p50:  percentile(took, 50), p99: percentile(took, 99),
		cpu: usage{cpu.all / time.Duration(len(took)), cpu.envoy / time.Duration(len(took))},
	}, nil
}

// shared is a folder in memory where there is one: the log of a shot must not
// wait for a disk.
func shared(dir string) string {
	if exists("/dev/shm") == nil {
		return "/dev/shm"
	}
	return dir
}

var (
	protocolLine = regexp.MustCompile(`(?m)^Application protocol: (\S+)$`)
	requestsLine = regexp.MustCompile(`(?m)^requests: .* (\d+) failed, (\d+) errored, (\d+) timeout$`)
)

// judge reports why what h2load printed voids the shot.
func judge(out, want string) error {
	if m := protocolLine.FindStringSubmatch(out); m == nil || m[1] != want {
		return fmt.Errorf("did not speak %s", want)
	}
	m := requestsLine.FindStringSubmatch(out)
	if m == nil || m[1] != "0" || m[2] != "0" || m[3] != "0" {
		return errors.New("some requests failed, so the run is void")
	}
	return nil
}

// readLog reads a log of h2load: when a request began, its status, and how many
// microseconds its answer took.
func readLog(path string) ([]time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer func() { _ = f.Close() }() // only reads were made
	var took []time.Duration
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			return nil, fmt.Errorf("read log: %q has not three fields", lines.Text())
		}
		if fields[1] != "200" {
			return nil, fmt.Errorf("an answer has status %s, so the run is void", fields[1])
		}
		us, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		took = append(took, time.Duration(us)*time.Microsecond)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	if len(took) == 0 {
		return nil, errors.New("not one answer")
	}
	return took, nil
}

// percentile returns the value that p of a hundred are not above. sorted must
// not be empty.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}
