package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// A world is everything that runs while we measure.
type world struct {
	settings settings
	words    io.Writer // for the person who waits
	dir      string    // temporary, with the sockets
	cardea   string    // the program
	envoy    string

	certificate  *certificate
	upstreamPort int
	barePort     int
	floorPort    int

	null, baseline *child
	children       []*child
}

// newWorld builds the program and starts what does not belong to it.
func newWorld(ctx context.Context, s settings, words io.Writer) (*world, error) {
	w := &world{settings: s, words: words}
	if err := w.prepare(ctx); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) prepare(ctx context.Context) (err error) {
	if w.envoy, err = filepath.Abs(w.settings.envoy); err != nil {
		return err
	}
	if err := exists(w.envoy); err != nil {
		return fmt.Errorf("%w: run \"make envoy\", or set CARDEA_ENVOY", err)
	}
	if w.dir, err = os.MkdirTemp("", "cardea-bench-"); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if err := w.build(ctx); err != nil {
		return err
	}
	if w.certificate, err = newCertificate(w.dir); err != nil {
		return err
	}
	return w.startUpstream(ctx)
}

// packedEnvoy is what "make envoy" leaves for programs with an Envoy inside.
const packedEnvoy = "envoy/bin/envoy.zst"

// build makes the program, as "make build" does where Envoy has been fetched.
func (w *world) build(ctx context.Context) error {
	if w.settings.cardea != "" {
		w.cardea = w.settings.cardea
		return exists(w.cardea)
	}
	w.cardea = filepath.Join(w.dir, "cardea")
	argv := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", w.cardea}
	if exists(packedEnvoy) == nil {
		argv = append(argv, "-tags", "embedenvoy")
	}
	w.say("building cardea")
	out, err := exec.CommandContext(ctx, "go", append(argv, "./cmd/cardea")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build cardea: %w\n%s", err, out)
	}
	return nil
}

func (w *world) startUpstream(ctx context.Context) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	w.upstreamPort = ports[0]
	program, err := self()
	if err != nil {
		return err
	}
	address := loopback(w.upstreamPort)
	upstream, err := w.start(ctx, "the upstream", nil, program, modeUpstream, address)
	if err != nil {
		return err
	}
	return upstream.await(ctx, 10*time.Millisecond, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// start starts a child that lives as long as the world.
func (w *world) start(ctx context.Context, name string, env []string, argv ...string) (*child, error) {
	c, err := startChild(ctx, name, env, nil, argv...)
	if err == nil {
		w.children = append(w.children, c)
	}
	return c, err
}

// close ends everything, the youngest first.
func (w *world) close() {
	for _, c := range slices.Backward(w.children) {
		c.stop()
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir) // temporary files
	}
}

func (w *world) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.words, "bench: "+format+"\n", args...) // a courtesy
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts returns ports of loopback that nobody listens on just now.
func freePorts(n int) ([]int, error) {
	var ports []int
	var held []net.Listener
	var errs []error
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			errs = append(errs, fmt.Errorf("find a free port: %w", err))
			break
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range held {
		errs = append(errs, l.Close())
	}
	return ports, errors.Join(errs...)
}
