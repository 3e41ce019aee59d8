package e2e

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/internal/testidp"
)

// TestTwentyTabs opens twenty pages at once in a browser that has no session on
// their host, or none at all, and then two hosts at once.
func TestTwentyTabs(t *testing.T) {
	s := use(t)
	for _, known := range []bool{false, true} {
		name := map[bool]string{false: "nobody is signed in", true: "the sign-in host knows the person"}[known]
		t.Run(name, func(t *testing.T) {
			c := s.in.client(t, clientOptions{http2: known})
			if known {
				s.enter(t, c, ann, "any.localhost/").want(t, http.StatusOK)
			}
			s.turn.Lock()
			defer s.turn.Unlock()
			s.idp.SetUser(ann)
			answers := make([]answer, 20)
			var opening sync.WaitGroup
			for i := range answers {
				opening.Go(func() { answers[i] = c.browse(t, s.in.at(tabPath(i))) })
			}
			opening.Wait()
			for i, a := range answers {
				if want := s.in.at(tabPath(i)); a.status != http.StatusOK || a.url.String() != want {
					t.Errorf("tab %d ended with %d at %s, want %s: %s", i, a.status, a.url, want, a.brief())
				}
			}
		})
	}
}

// tabPath is where tab number i wants to go.
func tabPath(i int) string {
	return fmt.Sprintf("%s/tab/%d?n=%d", []string{"closed.localhost", "closed2.localhost"}[i%2], i, i)
}

// TestARouteThatDependsOnOthers signs in to all their hosts at once.
func TestARouteThatDependsOnOthers(t *testing.T) {
	s := use(t)
	c := s.in.client(t, clientOptions{})
	s.enter(t, c, ann, "depends.localhost/page").want(t, http.StatusOK)
	for _, host := range []string{"depends.localhost/", "depended1.localhost/", "depended2.localhost/"} {
		c.get(t, s.in.at(host), "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty").want(t, http.StatusOK)
	}
	t.Run("five of them stay below the redirects that browsers follow", func(t *testing.T) {
		// follow gives up where they do; a page between begins the count again.
		c := s.in.client(t, clientOptions{})
		a := s.enter(t, c, ann, "five.localhost/")
		if next := regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]+)"`).FindStringSubmatch(a.body); next != nil {
			a = c.browse(t, html.UnescapeString(next[1]))
		}
		a.seen(t)
		c.get(t, s.in.at("f5.localhost/"), "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty").want(t, http.StatusOK)
	})
	c.get(t, s.in.at("closed2.localhost/"), "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty").want(t, http.StatusUnauthorized)
}

const routesForSessions = `
  - {from: https://depends.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true, depends_on: [depended1.localhost:$PORT, 'https://depended2.localhost:$PORT']}
  - {from: https://depended1.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
  - {from: https://five.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true, depends_on: [f1.localhost:$PORT, f2.localhost:$PORT, f3.localhost:$PORT, f4.localhost:$PORT, f5.localhost:$PORT]}
  - {from: https://f1.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
  - {from: https://f2.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
  - {from: https://f3.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
  - {from: https://f4.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
  - {from: https://f5.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
  - {from: https://depended2.localhost, to: 'http://$PLAIN', allow_any_authenticated_user: true}
`

// holds asks after a pause.
func (c *client) holds(t testing.TB, address string, pause time.Duration, want int) {
	t.Helper()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	<-timer.C
	c.get(t, address, "Accept", "application/json").want(t, want)
}

func TestASessionThatRests(t *testing.T) {
	t.Parallel()
	h := launchHousehold(t, testidp.Options{}, "session_idle_timeout: 8s", "")
	c := h.signIn(t, ann, clientOptions{})
	c.holds(t, h.in.at("any.localhost/"), time.Second, http.StatusOK)
	c.holds(t, h.in.at("any.localhost/"), 11*time.Second, http.StatusUnauthorized)
}

func TestASessionThatIsOld(t *testing.T) {
	t.Parallel()
	h := launchHousehold(t, testidp.Options{}, "cookie_expire: 8s", "")
	began := time.Now()
	c := h.signIn(t, ann, clientOptions{})
	eventually(t, patience, "end of the session", c.statusIs(t, h.in.at("any.localhost/"), http.StatusFound))
	if lived := time.Since(began); lived < 7*time.Second || lived > 20*time.Second {
		t.Errorf("it lived %v instead of 8s", lived)
	}
}

// TestTokensAreRefreshed: a session outlives its tokens as long as the provider
// vouches for the person, and no longer.
func TestTokensAreRefreshed(t *testing.T) {
	t.Parallel()
	h := launchHousehold(t, testidp.Options{TokenLifetime: 12 * time.Second}, "", "")
	c := h.signIn(t, ann, clientOptions{})
	began, asked := time.Now(), h.idp.Count(testidp.Token)
	eventually(t, patience, "first refresh", func() error {
		if h.idp.Count(testidp.Token) == asked {
			return fmt.Errorf("asked %d times", asked)
		}
		return nil
	})
	c.holds(t, h.in.at("any.localhost/"), time.Until(began.Add(14*time.Second)), http.StatusOK)
	h.idp.RevokeRefresh() // as when an account is shut there
	eventually(t, patience, "end of the session", c.statusIs(t, h.in.at("any.localhost/"), http.StatusFound))
}
