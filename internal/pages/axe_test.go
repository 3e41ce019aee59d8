package pages

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// findings is what axe-core calls serious or critical, by the rules of WCAG 2.2 A
// and AA and what it holds for good practice.
const findings = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
	r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.impact + " " + v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary.replaceAll("\n", " ")).join("; ")))`

// TestPagesKeepNobodyOut has axe-core look at every page in both schemes. make
// test brings it; CARDEA_AXE names its file.
func TestPagesKeepNobodyOut(t *testing.T) {
	file := os.Getenv("CARDEA_AXE")
	program, err := exec.LookPath("chromium")
	if file == "" || err != nil {
		t.Skip("CARDEA_AXE is not set, or there is no chromium; make test brings both")
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
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
	looked := 0
	for name := range all {
		for _, scheme := range []string{"light", "dark"} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
				t.Fatal(err)
			}
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(server.URL+"/"+name)); err != nil {
				t.Fatal(err)
			}
			// A script that the debugger runs is not held by the page's own policy.
			if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](string(source)+"\n;true")); err != nil {
				t.Fatal(err)
			}
			found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](findings, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			looked++
			for _, f := range found {
				t.Errorf("%s, %s: %s", name, scheme, f)
			}
		}
	}
	if looked < 50 {
		t.Errorf("looked at %d pages only", looked)
	}
}
