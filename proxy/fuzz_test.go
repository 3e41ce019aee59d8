package proxy

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/cardea-proxy/cardea/internal/handoff"
)

// FuzzUnsignedPrompt holds that whatever a stranger writes into a link leads on
// to this host alone, and to where a browser would read it to lead.
func FuzzUnsignedPrompt(f *testing.F) {
	for _, seed := range []string{
		"", "pomerium_device_type=any&pomerium_redirect_uri=https%3A%2F%2Fapp.example%2Fa%3Fb", "pomerium_redirect_uri=https%3A%2F%2Fapp.example%5C%40evil.example",
		"pomerium_user_verification=required", "pomerium_redirect_uri=//evil.example", "a=%zz&;", "pomerium_redirect_uri=https%3A%2F%2Fapp.example%3A443%2F",
	} {
		f.Add(seed, "cross-site", "navigate", "document")
		f.Add(seed, "none", "", "")
	}
	f.Fuzz(func(t *testing.T, query, site, mode, dest string) {
		r := httptest.NewRequest(http.MethodGet, "https://app.example/.pomerium/webauthn", nil)
		r.URL.RawQuery = query
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Set("Sec-Fetch-Mode", mode)
		r.Header.Set("Sec-Fetch-Dest", dest)
		p, err := new(Server).unsigned(visit{r: r})
		if err != nil {
			return
		}
		u, err := url.Parse(p.RedirectURI)
		if err != nil || u.Scheme != "https" || u.Hostname() != "app.example" || u.Port() != "" && u.Port() != "443" || u.User != nil {
			t.Errorf("%q leads on to %q", query, p.RedirectURI)
		}
		if _, err := handoff.CheckRedirect(p.RedirectURI, "app.example"); err != nil || checkType(p.Type) != nil {
			t.Errorf("%q: %+v, %v", query, p, err)
		}
		if site != "" && site != "none" && site != "same-origin" && (u.Path != homePath || dest != "document") {
			t.Errorf("another site leads on to %q", p.RedirectURI)
		}
	})
}
