package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// TestInABrowser opens every page in Chromium, in both schemes and at the width
// of a small phone: nothing scrolls sideways, nothing is stopped by our own
// policy, and the script does its work. With CARDEA_GALLERY naming a folder it
// photographs them too, at three widths.
func TestInABrowser(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on this machine; make test brings it")
	}
	all := samples(newPages())
	delete(all, "redirect") // it leads away at once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := all[strings.TrimPrefix(r.URL.Path, "/")]; ok {
			a.Send(w)
		}
	}))
	defer server.Close()
	ctx, cancel := openBrowser(t, program)
	defer cancel()
	var seen complaints
	if err := chromedp.Listen(ctx, seen.listen); err != nil {
		t.Fatal(err)
	}
	gallery, widths := os.Getenv("CARDEA_GALLERY"), []int64{320}
	if gallery != "" {
		widths = []int64{320, 390, 1280}
	}
	for name, a := range all {
		for _, width := range widths {
			for _, scheme := range []string{"light", "dark"} {
				if err := look(ctx, server.URL+"/"+name, width, scheme); err != nil {
					t.Errorf("%s, %d wide, %s: %v", name, width, scheme, err)
				}
				for _, text := range seen.take(a.Status) {
					t.Errorf("%s: the browser says %s", name, text)
				}
				if gallery != "" {
					photograph(ctx, t, filepath.Join(gallery, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
				}
			}
		}
	}
}

func openBrowser(t *testing.T, program string) (context.Context, context.CancelFunc) {
	t.Helper()
	allocated, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true))...)
	tab, leave := chromedp.NewContext(allocated)
	if _, err := chromedp.Call(tab, log.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tab, 3*time.Minute)
	return ctx, func() { cancel(); leave(); stop() }
}

// measure is what a page says about itself once its script has run. Of a box to
// tick the label is what a finger meets.
const measure = `({
	wide: document.documentElement.scrollWidth,
	hidden: document.querySelectorAll("button.copy[hidden]").length,
	small: [...document.querySelectorAll(".button, input:not([type=hidden]):not([type=checkbox]), label.tick, select, textarea, summary")]
		.filter(e => e.getBoundingClientRect().height < 44).length,
})`

// look opens address in the given width and scheme and measures it.
func look(ctx context.Context, address string, width int64, scheme string) error {
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return err
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800, chromedp.EmulateScale(1.5)), chromedp.Navigate(address))
	if err != nil {
		return err
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Wide   int64 `json:"wide"`
		Hidden int64 `json:"hidden"`
		Small  int64 `json:"small"`
	}](measure))
	switch {
	case err != nil:
		return err
	case got.Wide != width:
		return fmt.Errorf("the page is %d wide", got.Wide)
	case got.Hidden > 0:
		return fmt.Errorf("%d copy buttons stay hidden: the script did not run", got.Hidden)
	case got.Small > 0:
		return fmt.Errorf("%d controls are too small for a finger", got.Small)
	}
	return nil
}

func photograph(ctx context.Context, t *testing.T, file string) {
	t.Helper()
	photo, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, photo, 0o644); err != nil {
		t.Fatal(err)
	}
}

// complaints collects what the browser writes to its log.
type complaints struct {
	mu    sync.Mutex
	texts []string
}

func (c *complaints) listen(event any) {
	if e, ok := event.(*log.EventEntryAdded); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.texts = append(c.texts, e.Entry.Text)
	}
}

// take returns the complaints so far but for that about the page's own status.
func (c *complaints) take(status int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rest []string
	for _, text := range c.texts {
		if !strings.Contains(text, fmt.Sprintf("status of %d", status)) {
			rest = append(rest, text)
		}
	}
	c.texts = nil
	return rest
}
