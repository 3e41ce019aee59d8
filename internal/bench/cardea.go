package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A site is one running Cardea.
type site struct {
	*child
	program string
	port    int
	config  string // its file
	text    string // what is in there
}

// hashPassword asks the program, as an operator would.
func (w *world) hashPassword(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, w.cardea, "user", "hash")
	command.Stdin = strings.NewReader(personPassword + "\n")
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// newSite writes a configuration with the routes in text, for one person and
// everything else as it is by default. name is that of its folder.
func (w *world) newSite(ctx context.Context, name, routes string) (*site, error) {
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	hash, err := w.hashPassword(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := &site{program: w.cardea, port: ports[0], config: filepath.Join(dir, "config.yaml")}
	var b strings.Builder
	fmt.Fprintf(&b, "address: %q\nhealth_check_addr: %q\n", loopback(s.port), loopback(ports[1]))
	fmt.Fprintf(&b, "data_dir: %q\n", filepath.Join(dir, "data"))
	fmt.Fprintf(&b, "authenticate_service_url: https://authenticate.%s:%d\n", domain, s.port)
	fmt.Fprintf(&b, "certificates: [{cert: %q, key: %q}]\n", w.certificate.file, w.certificate.key)
	fmt.Fprintf(&b, "idp_provider: local\nusers: [{email: %s, name: Bench, groups: [measurers], password_hash: %q}]\n", personEmail, hash)
	b.WriteString("jwt_claims_headers: [email, groups]\n")
	if w.settings.debug != "" && name == "load" {
		fmt.Fprintf(&b, "debug_address: %q\n", w.settings.debug)
	}
	b.WriteString(routes)
	s.text = b.String()
	return s, s.write(s.text)
}

// write replaces the configuration, whole.
func (s *site) write(text string) error {
	next := s.config + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, s.config)); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// run starts the program. env is added to the environment.
func (w *world) run(ctx context.Context, s *site, log io.Writer, env ...string) (err error) {
	env = append(env, "CARDEA_ENVOY="+w.envoy)
	s.child, err = startChild(ctx, "cardea", env, log, s.program, "serve", "--config", s.config)
	if err == nil {
		w.children = append(w.children, s.child)
	}
	return err
}

// answers waits until path on host is answered with 200, to whoever asks.
func (w *world) answers(ctx context.Context, s *site, host, path string) error {
	client := w.client(s.port)
	defer client.CloseIdleConnections()
	address := fmt.Sprintf("https://%s:%d%s", host, s.port, path)
	return s.await(ctx, time.Millisecond, func(ctx context.Context) error {
		_, err := get(ctx, client, address, "")
		return err
	})
}

// loadRoutes are those under load. One has what a person's application gets, the
// other the decision alone.
func (w *world) loadRoutes() string {
	return fmt.Sprintf(`
routes:
- from: https://plain.%[1]s
  to: http://%[2]s
  policy: [{allow: {or: [{email: {is: %[3]s}}]}}]
- from: https://ident.%[1]s
  to: http://%[2]s
  pass_identity_headers: true
  policy: [{allow: {or: [{email: {is: %[3]s}}]}}]
`, domain, loopback(w.upstreamPort), personEmail)
}
