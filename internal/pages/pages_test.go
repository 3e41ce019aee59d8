package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A sentence that a template asks for must exist, and one that nobody asks for
// is to be removed.
func TestEveryWordIsUsedAndEveryUseHasItsWord(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	asks := regexp.MustCompile(`\bsay\(?\s*"([a-z._]+)"|words\["([^"]+)"\]|(?:DeviceFailure|DeviceDone|AccessDone|AccessState)\s+=\s+"([^"]+)"`)
	sources := map[string]fs.FS{"templates/*.html": files, "*.go": dirFS(t)}
	for pattern, source := range sources {
		names, err := fs.Glob(source, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := fs.ReadFile(source, name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range asks.FindAllStringSubmatch(string(b), -1) {
				used[m[1]+m[2]+m[3]] = true
			}
		}
	}
	for _, unit := range []string{"second", "minute", "hour", "day"} { // count puts them together
		used["one."+unit], used["many."+unit] = true, true
	}
	delete(used, "one.")
	delete(used, "many.")
	for key := range used {
		if _, ok := words[key]; !ok {
			t.Errorf("no words for %q", key)
		}
	}
	for key := range words {
		if !used[key] {
			t.Errorf("nobody says %q", key)
		}
	}
}

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	body := string(newPages().WhoAmI(sampleWhoAmI()).Body)
	for _, want := range []string{
		"Ada Lovelace</bdi></h1>", "3 hours ago", "in 11 hours", "in 28 minutes", "on-call", "Waiting for approval",
		sampleID, `href="/.pomerium/sign_out"`, "2 Sep 2026, 10:58:31 UTC", `{&#34;country&#34;:&#34;GB&#34;`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<form") {
		t.Error("the page of a route host offers a change")
	}
	nobody := string(newPages().WhoAmI(WhoAmI{SignInURL: "/in"}).Body)
	if !strings.Contains(nobody, "You are not signed in</h1>") || strings.Contains(nobody, "Claims") {
		t.Error("the page of nobody is not empty")
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	p := newPages()
	v := sampleRoutes()
	all := string(p.Routes(v).Body)
	for _, want := range []string{`href="https://grafana.analytical.example/"`, "db.analytical.example:5432 --listen", `role="search"`, "data:image/svg&#43;xml"} {
		if !strings.Contains(all, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(all, `href="tcp`) {
		t.Error("a tunnel is a link")
	}
	v.Query = "SALARIES pay"
	found := string(p.Routes(v).Body)
	if !strings.Contains(found, "Payroll") || strings.Contains(found, "Grafana") {
		t.Error("the search does not find what it should")
	}
	logo := p.Routes(Routes{Routes: []Route{{Name: "x", LogoURL: "https://elsewhere.example/logo.png"}}})
	if strings.Contains(string(logo.Body), "elsewhere") {
		t.Error("a picture from elsewhere")
	}
	many := Routes{}
	for i := range 10_000 {
		many.Routes = append(many.Routes, Route{Name: fmt.Sprint(i), URL: "https://a.example"})
	}
	if body := string(p.Routes(many).Body); strings.Count(body, "<li>") != maxRoutes || !strings.Contains(body, "9800 more") {
		t.Error("ten thousand applications are not bounded")
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	p := newPages()
	for _, tc := range []struct {
		failure SignInFailure
		status  int
		retry   string
		says    string
	}{
		{NoFailure, 200, "", "Sign in</h1>"},
		{Wrong, 403, "", "The e-mail or the password is not right."},
		{Throttled, 429, "90", "Wait 90 seconds"},
		{Busy, 503, "90", "Too many people"},
		{Stale, 400, "", "open for too long"},
	} {
		a := p.SignIn(SignIn{Action: "/in", Hidden: []Field{{"csrf", `a"b`}}, Email: "a@b.example", Failure: tc.failure, Wait: 90 * time.Second})
		body := string(a.Body)
		if a.Status != tc.status || a.Header.Get("Retry-After") != tc.retry || !strings.Contains(body, tc.says) {
			t.Errorf("failure %d: status %d, retry %q, says %v", tc.failure, a.Status, a.Header.Get("Retry-After"), strings.Contains(body, tc.says))
		}
		if strings.Contains(body, `role="alert"`) != (tc.failure != NoFailure) {
			t.Errorf("failure %d: the alert is wrong", tc.failure)
		}
		for _, want := range []string{`name="csrf" value="a&#34;b"`, `value="a@b.example"`, `method="post" action="/in"`, `autocomplete="current-password"`} {
			if !strings.Contains(body, want) {
				t.Errorf("failure %d: the page lacks %s", tc.failure, want)
			}
		}
		if strings.Contains(body, "<script") {
			t.Error("the sign-in page has a script")
		}
	}
	csp := p.SignIn(SignIn{FormOrigins: []string{"http://127.0.0.1:8080/a?b", "javascript:x", "http://a;script-src *"}}).Header.Get("Content-Security-Policy")
	if !strings.HasSuffix(csp, "form-action 'self' https: http://127.0.0.1:8080") {
		t.Errorf("policy = %q", csp)
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	p := newPages()
	a := p.Redirect(`https://a.example/x?y="z"&w='v'`)
	want := `<meta http-equiv="refresh" content="0; url=https://a.example/x?y=&#34;z&#34;&amp;w=&#39;v&#39;">`
	if a.Status != 200 || !strings.Contains(string(a.Body), want) {
		t.Errorf("status %d, want 200 and %s in\n%s", a.Status, want, a.Body[:600])
	}
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "/\\evil.example", "https://a b", "", "/a\n", strings.Repeat("/", 9<<10)} {
		if got := p.Redirect(bad); got.Status != http.StatusBadRequest || strings.Contains(string(got.Body), "refresh") {
			t.Errorf("Redirect(%.20q) = %d", bad, got.Status)
		}
	}
}

func TestTimesInWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "just now", -44 * time.Second: "just now", 30 * time.Second: "in a moment",
		-time.Minute: "1 minute ago", 50 * time.Second: "in 1 minute", -89 * time.Minute: "89 minutes ago",
		-2 * time.Hour: "2 hours ago", 14 * time.Hour: "in 14 hours", -48 * time.Hour: "2 days ago", 365 * 24 * time.Hour: "in 365 days",
	} {
		if got := ago(sampleNow.Add(d), sampleNow); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestCleanKeepsWhatIsHonest(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Ada", "Ångström", "👩‍🚀", "می\u200cخواهم", "עברית", "日本語"} {
		if got := clean(s, maxLine); got != s {
			t.Errorf("clean(%q) = %q", s, got)
		}
	}
	if got := clean("a\u202eb", 10); got != "a[U+202E]b" {
		t.Errorf("clean = %q", got)
	}
	if got := clean(strings.Repeat("x", 500), 3); got != "xxx… (500 characters)" {
		t.Errorf("clean = %q", got)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s, maxValue)
		if again := clean(got, 1<<30); again != got {
			t.Errorf("clean(%q) = %q, which is not clean: %q", s, got, again)
		}
	})
}

// Every "%" of a local reply is an operator of Envoy's or doubled: a single one
// would make Envoy refuse the whole configuration.
func TestLocalReplies(t *testing.T) {
	t.Parallel()
	replies := newPages().LocalReplies()
	operator := regexp.MustCompile(`%%|%RESPONSE_CODE%|%REQ\(X-REQUEST-ID\):36%|%START_TIME\([^)]*\)%`)
	seen := map[int]bool{}
	for i, r := range replies {
		for _, text := range [][]byte{r.HTML, r.JSON, r.Plain} {
			if rest := operator.ReplaceAllString(string(text), ""); strings.Contains(rest, "%") {
				t.Errorf("status %d: a stray %% in %.80s", r.Status, rest[max(0, strings.Index(rest, "%")-40):])
			}
			if bad := inner.FindString(string(text)); bad != "" || strings.Contains(string(text), "CARDEA0") || strings.Contains(string(text), "999") {
				t.Errorf("status %d says %q in %s", r.Status, bad, text)
			}
			if !strings.Contains(string(text), "%REQ(X-REQUEST-ID):36%") {
				t.Errorf("status %d lacks the request id", r.Status)
			}
		}
		var object map[string]any
		filled := strings.ReplaceAll(string(r.JSON), "%RESPONSE_CODE%", "599")
		if err := json.Unmarshal([]byte(filled), &object); err != nil || object["status"] != float64(cmp.Or(r.Status, 599)) {
			t.Errorf("status %d: %v in %s", r.Status, err, filled)
		}
		if r.HeaderMap()["Content-Security-Policy"] != r.Header.Get("Content-Security-Policy") {
			t.Errorf("status %d: the policy is lost", r.Status)
		}
		// What a person gets when Envoy has filled in the operators.
		page := strings.ReplaceAll(regexp.MustCompile(`%[A-Z][^%]*(%[A-Za-z][^%]*)*\)?(:36)?%`).ReplaceAllString(strings.ReplaceAll(string(r.HTML), "%%", "\x01"), "x"), "\x01", "%")
		checkPage(t, Answer{Status: r.Status, Header: r.Header, Body: []byte(page)})
		if seen[r.Status] || r.Status == 0 && i != len(replies)-1 {
			t.Errorf("status %d out of place", r.Status)
		}
		seen[r.Status] = true
	}
	for _, status := range []int{400, 404, 413, 431, 502, 503, 504, 0} {
		if !seen[status] {
			t.Errorf("no reply for %d", status)
		}
	}
	if h := LocalHeader(); h.Get("Content-Type") != "" || h.Get("Content-Security-Policy") == "" {
		t.Errorf("header = %v", h)
	}
}
