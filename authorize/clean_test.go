package authorize

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
)

func TestWithoutOurs(t *testing.T) {
	for _, tc := range []struct {
		name, header, rest string
		changed            bool
	}{
		{"no cookie of ours is left alone", `a=1; b="x y"; c=`, `a=1; b="x y"; c=`, false},
		{"ours alone takes the header with it", `_pomerium=t`, ``, true},
		{"ours and separators take the header with them", `_pomerium=t; ;; `, ``, true},
		{"ours first", `_pomerium=t; a=1`, `a=1`, true},
		{"ours last", `a=1; _pomerium=t`, `a=1`, true},
		{"ours between, bytes around kept", `a="1 2"; _pomerium=t;b==; c=3`, `a="1 2";b==; c=3`, true},
		{"odd separators are kept", `a=1;;b=2 ;  c=3; _pomerium=t`, `a=1;;b=2 ;  c=3`, true},
		{"derived and prefixed names", `_pomerium_csrf=1; __Host-_pomerium_binder=2; __Secure-_pomerium=3; __Host-a=1`, `__Host-a=1`, true},
		{"names that only resemble ours", `x_pomerium=1; _pomeriumx=2; _POMERIUM=3; __Host-__Secure-_pomerium=4`, `x_pomerium=1; _pomeriumx=2; _POMERIUM=3; __Host-__Secure-_pomerium=4`, false},
		{"white space around the name", "a=1; \t_pomerium =t", `a=1`, true},
		{"ours without a value", `_pomerium=; a=1; _pomerium`, `a=1`, true},
		{"a comma may part two headers", `a=1, _pomerium=t; _pomerium=t`, `a=1, _pomerium=t; _pomerium=t`, false},
		{"an exclamation mark may stand for other bytes", `a=!; _pomerium=t`, `a=!; _pomerium=t`, false},
		{"letters beyond ASCII are left to the script", `a=ä; _pomerium=t`, `a=ä; _pomerium=t`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rest, changed := withoutOurs(tc.header, "_pomerium")
			if rest != tc.rest || changed != tc.changed {
				t.Errorf("withoutOurs(%q) = %q, %v; want %q, %v", tc.header, rest, changed, tc.rest, tc.changed)
			}
		})
	}
}

// TestCookiesThroughEnvoy looks at what an upstream receives where no script
// cleans up behind us.
func TestCookiesThroughEnvoy(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice, "open": rulePublic}, func(c *config.Config) {
		routeOf(c, "open").SetRequestHeaders = map[string]string{"Cookie": "mine=${pomerium.jwt}"}
	})
	base := throughEnvoy(t, h)
	ticket := h.cookie("s-alice", "app.example")
	for _, tc := range []struct {
		name, path string
		sent       []string
		want       []string
	}{
		{"ours alone takes the header with it", "/", []string{ticket}, nil},
		{"others are kept byte for byte", "/", []string{`a="1 2"; ` + ticket + `;b==; c=3`}, []string{`a="1 2";b==; c=3`}},
		{"our own paths get them", "/.pomerium/", []string{"a=1; " + ticket}, []string{"a=1; " + ticket}},
		{"a configured Cookie header wins", "/open", []string{"_pomerium=x"}, []string{"mine="}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := received(t, base+tc.path, tc.sent)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("cookies upstream (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("of several headers none is lost", func(t *testing.T) {
		// They come to us joined by commas: the script, which sees them one by
		// one, takes ours out.
		sent := []string{ticket + "; c=3", "b=2; _pomerium_x=y"}
		if diff := cmp.Diff(sent, received(t, base+"/", sent)); diff != "" {
			t.Errorf("cookies upstream (-want +got):\n%s", diff)
		}
	})
}

// received returns the Cookie headers that reach the upstream.
func received(t *testing.T, url string, cookies []string) []string {
	t.Helper()
	var headers []string
	for _, c := range cookies {
		headers = append(headers, "Cookie", c)
	}
	resp, body := get(t, "GET", url, headers...)
	if resp.StatusCode != 200 {
		t.Fatalf("status %d: %s", resp.StatusCode, body)
	}
	var got http.Header
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	return got["Cookie"]
}
