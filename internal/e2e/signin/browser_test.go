package signin

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A browser keeps cookies as RFC 6265bis says and tells, as the fetch standard
// says, where its requests come from.
type browser struct {
	h       *house
	noStore bool // keeps no cookies

	mu      sync.Mutex
	cookies []*http.Cookie // Domain is the host for host-only ones, and begins with a dot otherwise
}

func (h *house) browser() *browser { return &browser{h: h} }

// A view is where a navigation ended.
type view struct {
	url    *url.URL // of the last request
	status int
	header http.Header
	body   string
	hops   []string // every address on the way
}

const maxHops = 60

// open types address into the address bar and follows where it leads.
func (b *browser) open(address string) view { return b.navigate(address, "", http.MethodGet, nil) }

// follow clicks a link on a page of the host from.
func (b *browser) follow(from, address string) view {
	return b.navigate(address, from, http.MethodGet, nil)
}

// submit sends a form on a page of the host from.
func (b *browser) submit(from, address string, form url.Values) view {
	return b.navigate(address, from, http.MethodPost, form)
}

var refresh = regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]*)"`)

// navigate goes to address and follows redirects, also those that a page asks
// for. It stops in front of addresses that are neither ours nor the provider's.
func (b *browser) navigate(address, from, method string, form url.Values) view {
	b.h.t.Helper()
	var hops []string
	to := mustURL(b.h.t, address)
	chain := []string{from} // hosts of the redirects so far, "" for the address bar
	for range maxHops {
		hops = append(hops, to.String())
		if to.Host == mustURL(b.h.t, b.h.far.Issuer()).Host {
			to, method, form, chain = b.atProvider(to), http.MethodGet, nil, append(chain, to.Host)
			continue
		}
		if !strings.HasSuffix(to.Hostname(), ".example") {
			return view{url: to, hops: hops}
		}
		v := b.request(method, to, form, chain, navigation)
		v.hops = hops
		next := v.header.Get("Location")
		if match := refresh.FindStringSubmatch(v.body); next == "" && match != nil {
			next, chain = html.UnescapeString(match[1]), nil
		}
		if next == "" {
			return v
		}
		chain, method, form = append(chain, to.Host), http.MethodGet, nil
		to = mustURL(b.h.t, to.ResolveReference(mustURL(b.h.t, next)).String())
	}
	b.h.t.Fatalf("a loop of redirects: %s", strings.Join(hops[len(hops)-8:], "\n"))
	return view{}
}

// atProvider asks the provider over the network and returns where it sends to.
func (b *browser) atProvider(to *url.URL) *url.URL {
	b.h.t.Helper()
	resp, err := b.h.far.Client().Get(to.String())
	b.h.must(err)
	_ = resp.Body.Close()
	next, err := resp.Location()
	if err != nil {
		b.h.t.Fatalf("the provider answers %d for %s", resp.StatusCode, to)
	}
	return next
}

// A kind of request, by its Sec-Fetch-Mode and -Dest.
type kind struct{ mode, dest, accept string }

var (
	navigation = kind{"navigate", "document", "text/html,application/xhtml+xml,*/*;q=0.8"}
	script     = kind{"cors", "empty", "*/*"}
)

// fetch is a request of a script on a page of the host from, with credentials.
func (b *browser) fetch(from, address string) view {
	b.h.t.Helper()
	return b.request(http.MethodGet, mustURL(b.h.t, address), nil, []string{from}, script)
}

// request makes one request. chain holds the hosts that led here.
func (b *browser) request(method string, to *url.URL, form url.Values, chain []string, k kind) view {
	b.h.t.Helper()
	r := httptest.NewRequestWithContext(b.h.t.Context(), method, to.String(), strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://"+chain[0])
	}
	r.URL.Scheme, r.URL.Host = "https", to.Host
	place := siteOf(chain, to.Host)
	r.Header.Set("Sec-Fetch-Site", place)
	r.Header.Set("Sec-Fetch-Mode", k.mode)
	r.Header.Set("Sec-Fetch-Dest", k.dest)
	r.Header.Set("Accept", k.accept)
	if line := b.cookieHeader(to, place != "cross-site", k == navigation && method == http.MethodGet); line != "" {
		r.Header.Set("Cookie", line)
	}
	recorder := httptest.NewRecorder()
	b.h.ServeHTTP(recorder, r)
	resp := recorder.Result()
	b.keep(to, resp.Cookies())
	return view{url: to, status: resp.StatusCode, header: resp.Header, body: recorder.Body.String()}
}

// siteOf is the value of Sec-Fetch-Site: the farthest of all that led here.
func siteOf(chain []string, to string) string {
	worst := "none"
	rank := []string{"none", "same-origin", "same-site", "cross-site"}
	for _, from := range chain {
		place := "cross-site"
		switch {
		case from == "":
			place = "none"
		case from == to:
			place = "same-origin"
		case site(from) == site(to):
			place = "same-site"
		}
		if slices.Index(rank, place) > slices.Index(rank, worst) {
			worst = place
		}
	}
	return worst
}

// site is the registrable domain, which has two labels in these tests.
func site(host string) string {
	labels := strings.Split(host, ".")
	return strings.Join(labels[max(0, len(labels)-2):], ".")
}

// keep stores cookies, by the rules for prefixes and domains.
func (b *browser) keep(from *url.URL, cookies []*http.Cookie) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range cookies {
		switch {
		case b.noStore, !c.Secure:
			continue
		case strings.HasPrefix(c.Name, "__Host-") && (c.Domain != "" || c.Path != "/"):
			continue
		case c.Domain == "":
			c.Domain = from.Hostname()
		case !strings.HasSuffix("."+from.Hostname(), "."+strings.TrimPrefix(c.Domain, ".")):
			continue
		default:
			c.Domain = "." + strings.TrimPrefix(c.Domain, ".")
		}
		b.cookies = slices.DeleteFunc(b.cookies, func(o *http.Cookie) bool {
			return o.Name == c.Name && o.Domain == c.Domain && o.Path == c.Path
		})
		if c.MaxAge >= 0 {
			b.cookies = append(b.cookies, c)
		}
	}
}

// cookieHeader returns what a request to to carries.
func (b *browser) cookieHeader(to *url.URL, sameSite, topLevelGet bool) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var pairs []string
	for _, c := range b.cookies {
		here := c.Domain == to.Hostname() || strings.HasPrefix(c.Domain, ".") && strings.HasSuffix("."+to.Hostname(), c.Domain)
		allowed := sameSite || c.SameSite == http.SameSiteNoneMode || c.SameSite != http.SameSiteStrictMode && topLevelGet
		if here && allowed {
			pairs = append(pairs, c.Name+"="+c.Value)
		}
	}
	return strings.Join(pairs, "; ")
}

// cookie returns the cookie that host gets under name, nil for none.
func (b *browser) cookie(host, name string) *http.Cookie {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.cookies {
		if c.Name == name && (c.Domain == host || strings.HasPrefix(c.Domain, ".") && strings.HasSuffix("."+host, c.Domain)) {
			return c
		}
	}
	return nil
}
