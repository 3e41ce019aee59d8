package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A child is a process that we started.
type child struct {
	name    string
	command *exec.Cmd
	ended   chan struct{} // closed when it has
	err     error         // how it ended; read after ended
	words   tail          // the end of its standard error
}

// startChild starts a process. It ends when ctx does, or with stop. Its
// standard output goes to out; nil discards it.
func startChild(ctx context.Context, name string, env []string, out io.Writer, argv ...string) (*child, error) {
	c := &child{name: name, command: exec.CommandContext(ctx, argv[0], argv[1:]...), ended: make(chan struct{})}
	c.command.Env = append(os.Environ(), env...)
	c.command.Stdout, c.command.Stderr = out, &c.words
	c.command.Cancel = func() error { return c.command.Process.Signal(syscall.SIGTERM) }
	c.command.WaitDelay = 20 * time.Second
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		c.err = c.command.Wait()
		close(c.ended)
	}()
	return c, nil
}

func (c *child) pid() int { return c.command.Process.Pid }

// stop ends the process and waits until it has.
func (c *child) stop() {
	_ = c.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		_ = c.command.Process.Kill()
		<-c.ended
	}
}

// await calls ready until it reports success. It gives up when the process has
// ended, after patience, or with ctx, and says what was wrong last.
func (c *child) await(ctx context.Context, every time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.ended:
			return fmt.Errorf("%s ended: %w\n%s", c.name, cmpErr(c.err), c.words.String())
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w\n%s", c.name, err, c.words.String())
		case <-tick.C:
		}
	}
}

// cmpErr names the end of a process that reports success.
func cmpErr(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 8 << 10 // bytes

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > tailSize {
		t.text = bytes.Clone(t.text[len(t.text)-tailSize:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// self is how this program starts itself in another mode.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return filepath.Clean(path), nil
}
