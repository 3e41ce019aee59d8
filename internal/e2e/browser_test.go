package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// findProgram returns the first of names that is installed.
func findProgram(t testing.TB, hint string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("no %s on this machine: %s", names[0], hint)
	return ""
}

// trustingHome makes a home folder whose browser trusts the local authority of
// the instance, and nothing else of ours.
func (in *instance) trustingHome(t testing.TB) string {
	t.Helper()
	certutil := findProgram(t, `run "make test", or install libnss3-tools (Debian, Ubuntu) or nss-tools (Fedora)`, "certutil")
	home := t.TempDir()
	store := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-N", "--empty-password"},
		{"-A", "-t", "C,,", "-n", "local authority", "-i", filepath.Join(in.dir, "data", "authority", "local-ca.pem")},
	} {
		if out, err := exec.CommandContext(t.Context(), certutil, append([]string{"-d", "sql:" + store}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %s: %v\n%s", args[0], err, out)
		}
	}
	return home
}

// A chromium is a real browser with an empty profile. It notes everything that
// its console complains about.
type chromium struct {
	ctx context.Context // of its first tab

	mu         sync.Mutex
	complaints []string
}

func (in *instance) chromium(t testing.TB) *chromium {
	t.Helper()
	path := findProgram(t, `run "make test", which installs it, or install chromium`, "chromium", "chromium-browser", "google-chrome")
	home := in.trustingHome(t)
	b := new(chromium)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()), chromedp.Env("HOME="+home),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	tab, leave := chromedp.NewContext(allocated)
	t.Cleanup(leave)
	b.ctx = b.listen(t, tab)
	return b
}

// listen begins to note what a tab complains about, and bounds its life.
func (b *chromium) listen(t testing.TB, tab context.Context) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 5*time.Minute)
	t.Cleanup(cancel)
	if _, err := chromedp.Call(ctx, log.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	err := chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			b.complaints = append(b.complaints, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, e.ExceptionDetails.Text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// tab opens another one.
func (b *chromium) tab(t testing.TB) context.Context {
	t.Helper()
	ctx, leave := chromedp.NewContext(b.ctx)
	t.Cleanup(leave)
	return b.listen(t, ctx)
}

// do fails the test when a step fails, with what the page shows then.
func (b *chromium) do(t testing.TB, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		at, _ := chromedp.Run(ctx, chromedp.Location())
		t.Fatalf("%v at %s:\n%s", err, at, shorten(b.text(ctx)))
	}
}

// text is what a person reads.
func (b *chromium) text(ctx context.Context) string {
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// reaches waits until a tab shows an address.
func (b *chromium) reaches(t testing.TB, ctx context.Context, address string) {
	t.Helper()
	eventually(t, patience, "arrival at "+address, func() error {
		at, err := chromedp.Run(ctx, chromedp.Location())
		if err == nil && at != address {
			err = errors.New("at " + at)
		}
		return err
	})
}

// shows waits until a page holds a text: its address comes before it does.
func (b *chromium) shows(t testing.TB, ctx context.Context, want string) {
	t.Helper()
	eventually(t, patience, "a page with "+want, func() error {
		if text := b.text(ctx); !strings.Contains(text, want) {
			return errors.New(shorten(text))
		}
		return nil
	})
}

// clean fails the test if the console complained, but for the statuses of pages
// that are meant to be refusals.
func (b *chromium) clean(t testing.TB, statuses ...int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, text := range b.complaints {
		for _, status := range statuses {
			if strings.Contains(text, fmt.Sprintf("status of %d", status)) {
				continue next
			}
		}
		t.Errorf("the console says %s", text)
	}
	b.complaints = nil
}

// TestInChromium is the quickstart as a person lives through it.
func TestInChromium(t *testing.T) {
	plain := newUpstream("plain", nil)
	t.Cleanup(plain.server.Close)
	in := launch(t, quickstart(t)+"\n  - {from: 'https://ws.localhost:$PORT', to: 'http://"+plain.address()+"', allow_websockets: true, allowed_domains: [example.com]}\n")
	password := in.passwords()["engineer@example.com"]
	b := in.chromium(t)
	verify := in.at("verify.localhost/")
	fill := func(t *testing.T, password string) {
		b.do(t, b.ctx, chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.Clear(chromedp.CSS("#email")), chromedp.SendKeys(chromedp.CSS("#email"), "engineer@example.com"),
			chromedp.SendKeys(chromedp.CSS("#password"), password), chromedp.Click(chromedp.CSS("form button")))
	}

	t.Run("the certificate is trusted and the form shown", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("verify.localhost/first?q=1")), chromedp.WaitVisible(chromedp.CSS("#email")))
		b.clean(t)
	})
	t.Run("a wrong password is told beside the form", func(t *testing.T) {
		fill(t, "wrong")
		b.do(t, b.ctx, chromedp.WaitVisible(chromedp.CSS("#failure")))
		b.clean(t, 401, 403, 422, 429, 400)
	})
	t.Run("the right one leads to the page first asked for", func(t *testing.T) {
		fill(t, password)
		b.reaches(t, b.ctx, in.at("verify.localhost/first?q=1"))
		b.shows(t, b.ctx, "engineer@example.com")
		b.clean(t)
	})
	t.Run("another route needs no password", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("admin.localhost/")))
		b.shows(t, b.ctx, "403")
		b.clean(t, 403)
	})
	t.Run("our own pages", func(t *testing.T) {
		for _, path := range []string{"verify.localhost/.pomerium/", "verify.localhost/.pomerium/routes", "authenticate.localhost/.pomerium/", "verify.localhost/.pomerium/nothing"} {
			b.do(t, b.ctx, chromedp.Navigate(in.at(path)), chromedp.WaitVisible(chromedp.CSS("h1")))
			b.clean(t, 404)
		}
	})
	t.Run("a websocket", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("ws.localhost/")))
		echoed, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`new Promise((done, fail) => {
			const ws = new WebSocket("wss://" + location.host + "/echo/ws");
			ws.onopen = () => ws.send("hello"); ws.onmessage = e => done(e.data); ws.onerror = () => done("error");
		})`, chromedp.EvalAwaitPromise))
		if err != nil || echoed != "hello" {
			t.Errorf("got %q: %v\n%s", echoed, err, in.tail())
		}
		b.clean(t, 404) // the upstream has no icon
	})
	t.Run("twenty tabs after the end of a session end as twenty pages", func(t *testing.T) {
		// The route host forgets everything; the sign-in host knows the person.
		if _, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"_pomerium", "__Host-_pomerium_binder"} {
			if _, err := chromedp.Call(b.ctx, network.DeleteCookies, network.DeleteCookiesParams{Name: name, URL: verify}); err != nil {
				t.Fatal(err)
			}
		}
		tabs := make([]context.Context, 20)
		for i := range tabs {
			tabs[i] = b.tab(t)
		}
		var opening sync.WaitGroup
		for i, tab := range tabs {
			opening.Go(func() { _ = chromedp.Do(tab, chromedp.Navigate(in.at(fmt.Sprintf("verify.localhost/tab/%d", i)))) }) // looked at below
		}
		opening.Wait()
		for i, tab := range tabs {
			b.reaches(t, tab, in.at(fmt.Sprintf("verify.localhost/tab/%d", i)))
			b.shows(t, tab, "engineer@example.com")
		}
		b.clean(t)
	})
	t.Run("signing out", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("verify.localhost/.pomerium/")), chromedp.WaitVisible(chromedp.CSS(`.acts a[href$="/.pomerium/sign_out"]`)), chromedp.Click(chromedp.CSS(`.acts a[href$="/.pomerium/sign_out"]`)))
		eventually(t, patience, "the page that says so", func() error {
			if at, err := chromedp.Run(b.ctx, chromedp.Location()); err != nil || !strings.HasSuffix(at, "/.pomerium/signed_out") {
				return fmt.Errorf("at %s: %v\n%s", at, err, shorten(b.text(b.ctx)))
			}
			return nil
		})
		b.do(t, b.ctx, chromedp.Navigate(verify), chromedp.WaitVisible(chromedp.CSS("#password")))
		b.clean(t)
	})
}
