package e2e

import (
	"strings"
	"testing"
)

func TestRouting(t *testing.T) {
	s := use(t)
	expand := strings.NewReplacer("$PORT", s.in.port, "$PLAIN", s.plain.address()).Replace
	for _, story := range routingStories {
		t.Run(story.name, func(t *testing.T) {
			for _, a := range story.asks {
				c := s.in.client(t, clientOptions{})
				if a.as == "ann" {
					c = s.as(t, ann, clientOptions{})
				}
				a.check(t, s, c, expand)
			}
		})
	}
}

// check sends the request and compares everything that is wanted.
func (a ask) check(t *testing.T, s *sharedInstance, c *client, expand func(string) string) {
	t.Helper()
	got := c.get(t, s.in.at(a.path), a.headers...)
	if a.as != "" {
		got = c.follow(t, got, a.headers...) // through the sign-in of this host
	}
	status := a.status
	if status == 0 {
		status = 200
	}
	got.want(t, status)
	if !strings.Contains(got.body, a.body) {
		t.Errorf("%s: the body should hold %q: %s", a.path, a.body, got.body)
	}
	if a.location != "" && got.header.Get("Location") != expand(a.location) {
		t.Errorf("%s leads to %q, want %q", a.path, got.header.Get("Location"), expand(a.location))
	}
	for name, want := range a.response {
		if value := strings.Join(got.header.Values(name), "|"); value != want {
			t.Errorf("%s: response header %s is %q, want %q", a.path, name, value, want)
		}
	}
	if a.upstream == "" && a.target == "" && a.host == "" && a.request == nil {
		return
	}
	seen := got.seen(t)
	for _, c := range []struct{ what, got, want string }{
		{"upstream", seen.Upstream, a.upstream}, {"target", seen.Target, a.target}, {"host", seen.Host, expand(a.host)},
	} {
		if c.want != "" && c.got != c.want {
			t.Errorf("%s: %s is %q, want %q", a.path, c.what, c.got, c.want)
		}
	}
	for name, want := range a.request {
		if value := strings.Join(seen.Header.Values(name), "|"); value != expand(want) {
			t.Errorf("%s: the upstream got %s: %q, want %q", a.path, name, value, expand(want))
		}
	}
}
