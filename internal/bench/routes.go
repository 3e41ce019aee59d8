package main

import (
	"context"
	"fmt"
	"io"
	"net/http/cookiejar"
	"os"
	"slices"
	"strings"
	"time"
)

// changes is how many times a route of the large configuration is changed, and
// how many rounds its ends are compared for.
const changes = 5

// measureRoutes measures a large configuration.
func measureRoutes(ctx context.Context, w *world, out io.Writer) error {
	n := w.settings.routes
	w.say("%d routes", n)
	site, err := w.newSite(ctx, "routes", w.manyRoutes(n, 0))
	if err != nil {
		return err
	}
	log, err := os.OpenFile(w.settings.logs, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer func() { _ = log.Close() }() // the program has its own handle
	began := time.Now()
	if err := w.run(ctx, site, log); err != nil {
		return err
	}
	defer site.stop()
	if err := w.answers(ctx, site, routeHost(n-1), "/open"); err != nil {
		return err
	}
	start := time.Since(began)
	var took []float64
	for i := range changes {
		d, err := w.changeRoute(ctx, site, n, i+1)
		if err != nil {
			return err
		}
		took = append(took, d.Seconds())
	}
	ends, err := w.compareEnds(ctx, site, n)
	if err != nil {
		return err
	}
	memory := resident([]int{site.pid()})
	_, err = fmt.Fprintf(out, `
| %d routes | |
|---|---:|
| start to first answer on the last route | %.2f s |
| one changed route: written to answered, median (most) | %.2f s (%.2f s) |
| resident memory | %s MiB |
| req/s on the last route, of the first | %.2f |
| CPU of a request on the last route, of the first | %.2f |
`, n, start.Seconds(), median(took), slices.Max(took), residences(memory),
		ratio(ends, "last", "first", rateOf), ratio(ends, "last", "first", cpuOf))
	return err
}

func routeHost(i int) string { return fmt.Sprintf("r%05d.%s", i, domain) }

// manyRoutes are n hosts in five shapes, none with the names of another. edition
// is in a response header of the one in the middle.
func (w *world) manyRoutes(n, edition int) string {
	var b strings.Builder
	b.WriteString("routes:\n")
	for i := range n {
		from := fmt.Sprintf("- from: https://%s\n  to: http://%s\n", routeHost(i), loopback(w.upstreamPort))
		if i == 0 || i == n-1 || i == n/2 { // those that are asked
			fmt.Fprintf(&b, "%s  path: /open\n  allow_public_unauthenticated_access: true\n", from)
			if i == n/2 {
				fmt.Fprintf(&b, "  set_response_headers: {X-Edition: \"%d\"}\n", edition)
			}
			fmt.Fprintf(&b, "%s  pass_identity_headers: true\n  policy: [{allow: {or: [{email: {is: %s}}, {domain: {is: d%d.example}}]}}]\n", from, personEmail, i)
			continue
		}
		b.WriteString(from)
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "  policy: [{allow: {or: [{email: {is: user%d@example.com}}]}}]\n", i)
		case 1:
			fmt.Fprintf(&b, "  policy: [{allow: {and: [{groups: {has: team%d}}, {http_method: {is: GET}}]}}]\n", i)
		case 2:
			fmt.Fprintf(&b, "  allowed_domains: [d%d.example]\n  prefix: /app%d\n  prefix_rewrite: /\n", i, i)
		case 3:
			fmt.Fprintf(&b, "  pass_identity_headers: true\n  policy: [{allow: {or: [{domain: {is: d%d.example}}]}, deny: {or: [{email: {is: former%d@example.com}}]}}]\n", i, i)
		case 4:
			fmt.Fprintf(&b, "  timeout: 60s\n  allow_websockets: true\n  policy: [{allow: {or: [{claim/team: t%d}]}}]\n", i)
		}
	}
	return b.String()
}

// changeRoute changes the route in the middle, and returns the time from the
// written file to the first answer that shows it.
func (w *world) changeRoute(ctx context.Context, s *site, n, edition int) (time.Duration, error) {
	text := strings.Replace(s.text, fmt.Sprintf("X-Edition: \"%d\"", edition-1), fmt.Sprintf("X-Edition: \"%d\"", edition), 1)
	client := w.client(s.port)
	defer client.CloseIdleConnections()
	began := time.Now()
	if err := s.write(text); err != nil {
		return 0, err
	}
	s.text = text
	err := s.await(ctx, 5*time.Millisecond, func(ctx context.Context) error {
		resp, err := client.Get(fmt.Sprintf("https://%s:%d/open", routeHost(n/2), s.port))
		if err != nil {
			return err
		}
		_ = resp.Body.Close() // the headers are what counts
		if got := resp.Header.Get("X-Edition"); got != fmt.Sprint(edition) {
			return fmt.Errorf("edition %q is still in force, want %d", got, edition)
		}
		return nil
	})
	return time.Since(began), err
}

// compareEnds loads the first and the last route in turns.
func (w *world) compareEnds(ctx context.Context, s *site, n int) ([]figure, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	targets := []*target{
		{name: "first", host: routeHost(0), port: s.port, pids: []int{s.pid()}, guarded: true, identity: true},
		{name: "last", host: routeHost(n - 1), port: s.port, pids: []int{s.pid()}, guarded: true, identity: true},
	}
	for _, t := range targets {
		if t.cookie, err = w.signIn(ctx, s.port, jar, t.url("/")); err != nil {
			return nil, err
		}
		if err := w.check(ctx, t); err != nil {
			return nil, err
		}
	}
	return w.rounds(ctx, targets, load{proto: "h1", conns: 16, streams: 1, seconds: 2}, changes)
}
