package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// A loot is what a thief could take from a browser for one host.
type loot struct{ ticket, binder string }

func (c *client) loot(t testing.TB, address string) loot {
	t.Helper()
	return loot{c.cookie(t, address, "_pomerium"), c.cookie(t, address, "__Host-_pomerium_binder")}
}

func (l loot) cookies() string {
	return "_pomerium=" + l.ticket + "; __Host-_pomerium_binder=" + l.binder
}

// TestATicketIsForOneHostAndOneBrowser presents tickets in every way but the
// right one.
func TestATicketIsForOneHostAndOneBrowser(t *testing.T) {
	s := use(t)
	anns, bobs := s.as(t, ann, clientOptions{}), s.as(t, bob, clientOptions{})
	for _, host := range []string{"closed.localhost/", "closed2.localhost/", "any.localhost/"} {
		anns.browse(t, s.in.at(host)).want(t, http.StatusOK)
	}
	bobs.browse(t, s.in.at("any.localhost/")).want(t, http.StatusOK)
	good, second := anns.loot(t, s.in.at("closed.localhost/")), anns.loot(t, s.in.at("closed2.localhost/"))
	signIn := anns.cookie(t, s.in.at("authenticate.localhost/"), "_pomerium_authenticate")
	if len(good.ticket) < 40 || len(good.binder) < 16 || signIn == "" {
		t.Fatalf("cookies %+v", good)
	}
	ask := func(host, cookies string, more ...string) answer {
		return s.in.raw(t, host, request("GET / HTTP/1.1", host, append(more, "Cookie: "+cookies)...))
	}
	ask("closed.localhost", good.cookies()).seen(t)

	for _, tc := range []struct{ name, host, cookies string }{
		{"the ticket of another host", "closed.localhost", loot{second.ticket, good.binder}.cookies()},
		{"the ticket and binder of another host", "closed.localhost", second.cookies()},
		{"the ticket at another host", "closed2.localhost", good.cookies()},
		{"the ticket with another's binder", "closed.localhost", loot{good.ticket, second.binder}.cookies()},
		{"the ticket with a made-up binder", "closed.localhost", loot{good.ticket, "AAAAAAAAAAAAAAAAAAAAAAAAAA"}.cookies()},
		{"the ticket of the sign-in host", "closed.localhost", loot{signIn, good.binder}.cookies()},
		{"the ticket of the sign-in host by its own name", "closed.localhost", "_pomerium_authenticate=" + signIn},
		{"an empty ticket", "closed.localhost", loot{"", good.binder}.cookies()},
		{"a ticket by another name", "closed.localhost", "pomerium=" + good.ticket},
		{"a ticket by a name in other case", "closed.localhost", "_POMERIUM=" + good.ticket + "; __Host-_pomerium_binder=" + good.binder},
		{"a ticket in two halves", "closed.localhost", "_pomerium=" + good.ticket[:20] + "; _pomerium=" + good.ticket[20:]},
		{"words", "closed.localhost", "_pomerium=true; admin=1"},
		{"a token of the kind others use", "closed.localhost", "_pomerium=eyJhbGciOiJub25lIn0.eyJzdWIiOiJzdWItYW5uIn0."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := ask(tc.host, tc.cookies); a.status == http.StatusOK {
				t.Errorf("let in: %s", a.brief())
			}
		})
	}
	t.Run("a ticket that a browser presents without its binder", func(t *testing.T) {
		a := ask("closed.localhost", "_pomerium="+good.ticket, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: none", "Accept: text/html")
		if a.status == http.StatusOK {
			t.Error("let in")
		}
	})
	t.Run("a ticket with any of its bits changed", func(t *testing.T) {
		for i := range len(good.ticket) {
			for _, letter := range []byte{'A', 'z', '-', '=', '.'} {
				if good.ticket[i] == letter {
					continue
				}
				changed := good.ticket[:i] + string(letter) + good.ticket[i+1:]
				if i == len(good.ticket)-1 && letter != '=' && letter != '.' {
					continue // unused bits of the last letter are tried below
				}
				if i%7 != 0 {
					continue // a sample: each is a request
				}
				if a := anns.in.presents(t, anns, loot{changed, good.binder}); a.status == http.StatusOK {
					t.Fatalf("let in with letter %d as %q", i, letter)
				}
			}
		}
		for _, changed := range []string{
			good.ticket[1:], good.ticket[:len(good.ticket)-1], good.ticket + "A", good.ticket + "=", good.ticket + "%00", "A" + good.ticket, good.ticket + good.ticket, strings.ToLower(good.ticket), good.ticket[:len(good.ticket)/2], good.ticket + strings.Repeat("A", 3000),
		} {
			if a := anns.in.presents(t, anns, loot{changed, good.binder}); a.status == http.StatusOK {
				t.Errorf("let in with %d letters instead of %d", len(changed), len(good.ticket))
			}
		}
	})
	t.Run("no two texts are the same ticket", func(t *testing.T) {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := good.ticket[:len(good.ticket)-1]
		for _, letter := range alphabet {
			if changed := last + string(letter); changed != good.ticket {
				if a := anns.in.presents(t, anns, loot{changed, good.binder}); a.status == http.StatusOK {
					t.Errorf("let in with the last letter %c instead of %c", letter, good.ticket[len(good.ticket)-1])
				}
			}
		}
	})
	t.Run("a cookie tossed from a sibling host", func(t *testing.T) {
		// An attacker's own, good ticket, set for all of .localhost by a sibling:
		// in front of the victim's or alone, it must not make the victim somebody
		// else.
		evil := bobs.loot(t, s.in.at("any.localhost/"))
		victim := anns.loot(t, s.in.at("any.localhost/"))
		for name, cookies := range map[string]string{
			"in front":                     "_pomerium=" + evil.ticket + "; " + victim.cookies(),
			"behind":                       victim.cookies() + "; _pomerium=" + evil.ticket,
			"twenty in front":              strings.Repeat("_pomerium="+evil.ticket+"; ", 3) + victim.cookies(),
			"with a binder of the sibling": "_pomerium=" + evil.ticket + "; __Host-_pomerium_binder=" + victim.binder + "; __host-_pomerium_binder=" + evil.binder,
			"alone":                        "_pomerium=" + evil.ticket + "; __Host-_pomerium_binder=" + victim.binder,
		} {
			mark := s.in.logs.mark()
			ask("any.localhost", cookies, "Sec-Fetch-Mode: navigate", "Accept: text/html")
			if line := s.in.logs.awaitLog(t, mark, s.in.ended, "service", "authorize", "host", "any.localhost"); line.text("email") == bob.Email {
				t.Errorf("%s: the victim is %s", name, line.text("email"))
			}
		}
	})
	t.Run("hundreds of cookies beside the good one", func(t *testing.T) {
		a := ask("closed.localhost", strings.Repeat("x=1; ", 400)+good.cookies())
		a.seen(t)
	})
}

// presents asks for closed.localhost with the connection of c and other cookies.
func (in *instance) presents(t testing.TB, c *client, l loot) answer {
	t.Helper()
	return c.another(t).get(t, in.at("closed.localhost/"), "Cookie", l.cookies(), "Accept", "text/html")
}

// TestASessionThatEndedIsOver replays what was good a moment ago.
func TestASessionThatEndedIsOver(t *testing.T) {
	s := use(t)
	t.Run("after signing out", func(t *testing.T) {
		c := s.signIn(t, ann, clientOptions{})
		c.browse(t, s.in.at("closed.localhost/")).want(t, http.StatusOK)
		stolen := c.loot(t, s.in.at("closed.localhost/"))
		handle := c.handle(t, "closed.localhost")
		s.in.presents(t, c, stolen).want(t, http.StatusOK)
		signIn := c.cookie(t, s.in.at("authenticate.localhost/"), "_pomerium_authenticate")
		c.follow(t, c.get(t, s.in.at("closed.localhost/.pomerium/sign_out"), "Sec-Fetch-Site", "same-origin"), "Accept", "text/html")
		eventually(t, inForce, "end of the session", func() error {
			if a := s.in.presents(t, c, stolen); a.status == http.StatusOK {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
		c.another(t).get(t, s.in.at("closed.localhost/"), "Authorization", "Pomerium "+handle).want(t, http.StatusUnauthorized)
		thief := c.another(t)
		a := thief.get(t, thief.beginSignIn(t, "closed.localhost/").String(), "Cookie", "_pomerium_authenticate="+signIn+"; __Host-_pomerium_binder="+c.cookie(t, s.in.at("authenticate.localhost/"), "__Host-_pomerium_binder"))
		if to := a.location(t); strings.HasPrefix(to.Path, "/.pomerium/callback") {
			t.Error("the sign-in host takes the session that ended")
		}
	})
	t.Run("after signing out everywhere", func(t *testing.T) {
		first, second := s.signIn(t, bob, clientOptions{}), s.signIn(t, bob, clientOptions{})
		a := first.do(t, "POST", s.in.at("authenticate.localhost/.pomerium/sign_out_everywhere"), "", "Origin", "https://authenticate.localhost:"+s.in.port, "Sec-Fetch-Site", "same-origin", "Accept", "text/html")
		if a.status >= 400 {
			t.Fatalf("status %d: %s", a.status, a.brief())
		}
		eventually(t, inForce, "end of the other session", func() error {
			if a := second.get(t, s.in.at("any.localhost/"), "Accept", "text/html"); !a.signInAsked() {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
		s.mu.Lock()
		delete(s.clients, bob.Sub) // the shared one has gone with them
		delete(s.clients, bob.Sub+"/2")
		s.mu.Unlock()
	})
}

// TestKeysThatChange: what another key sealed is nothing.
func TestKeysThatChange(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, "", "  - {from: 'https://closed.localhost', verify: true, allowed_users: [ann@corp.example]}\n")
	c := h.signIn(t, ann, clientOptions{})
	c.browse(t, h.in.at("closed.localhost/")).want(t, http.StatusOK)
	stolen := c.loot(t, h.in.at("closed.localhost/"))
	h.in.stop(t)
	if err := os.RemoveAll(h.in.dir + "/data"); err != nil { // with the shared secret in it
		t.Fatal(err)
	}
	h.in.start(t)
	fresh := h.in.client(t, clientOptions{})
	if a := fresh.get(t, h.in.at("closed.localhost/"), "Cookie", stolen.cookies(), "Accept", "text/html"); !a.signInAsked() {
		t.Errorf("status %d with a ticket of the old key", a.status)
	}
}

// TestCookiesAreSetSafely looks at the attributes.
func TestCookiesAreSetSafely(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	first := c.get(t, s.in.at("closed.localhost/"), "Accept", "text/html")
	callback := s.throughProvider(t, c, ann, first.location(t), "/.pomerium/callback/")
	for _, a := range []answer{first, c.get(t, callback.String())} {
		set := (&http.Response{Header: a.header}).Cookies()
		if len(set) == 0 {
			t.Errorf("%s sets no cookie", a.url.Path)
		}
		for _, cookie := range set {
			if !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" {
				t.Errorf("cookie %s: Secure %t, HttpOnly %t, Path %q, Domain %q", cookie.Name, cookie.Secure, cookie.HttpOnly, cookie.Path, cookie.Domain)
			}
			if strings.HasSuffix(cookie.Name, "_binder") && (cookie.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(cookie.Name, "__Host-")) {
				t.Errorf("cookie %s: SameSite %v", cookie.Name, cookie.SameSite)
			}
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", a.url.Path, a.header.Get("Cache-Control"))
		}
	}
}
