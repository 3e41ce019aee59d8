package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"text/template"
	"time"
)

//go:embed baseline.yaml
var baselineText string

// baselines holds what baseline.yaml leaves open.
type baselines struct {
	Admin, Null      string // unix sockets
	Certificate, Key string // files
	UpstreamPort     int
	Listeners        []listener
}

// A listener is one baseline.
type listener struct {
	Name string
	Port int
	Asks bool // the service that says yes
}

func (b baselines) render() ([]byte, error) {
	quote := func(v string) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	}
	t, err := template.New("baseline.yaml").Funcs(template.FuncMap{"json": quote}).Parse(baselineText)
	if err != nil {
		return nil, fmt.Errorf("parse baselines: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, b); err != nil {
		return nil, fmt.Errorf("render baselines: %w", err)
	}
	return out.Bytes(), nil
}

// startBaselines starts the service that says yes and the Envoy in front.
func (w *world) startBaselines(ctx context.Context) error {
	program, err := self()
	if err != nil {
		return err
	}
	socket := filepath.Join(w.dir, "null.sock")
	if w.null, err = w.start(ctx, "the service that says yes", nil, program, modeNull, socket); err != nil {
		return err
	}
	if err := w.null.await(ctx, 10*time.Millisecond, func(context.Context) error { return exists(socket) }); err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	w.barePort, w.floorPort = ports[0], ports[1]
	text, err := baselines{
		Admin: filepath.Join(w.dir, "envoy.sock"), Null: socket,
		Certificate: w.certificate.file, Key: w.certificate.key, UpstreamPort: w.upstreamPort,
		Listeners: []listener{{"bare", w.barePort, false}, {"floor", w.floorPort, true}},
	}.render()
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, "baseline.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write baselines: %w", err)
	}
	w.baseline, err = w.start(ctx, "the bare Envoy", nil, w.envoy, "--config-path", path,
		"--concurrency", strconv.Itoa(runtime.GOMAXPROCS(0)), "--disable-hot-restart", "--log-level", "error")
	return err
}

func exists(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s", path)
	}
	return nil
}
