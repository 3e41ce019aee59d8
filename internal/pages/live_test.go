package pages

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestRowsComeWhileATableIsRead follows events in Chromium: what comes is text,
// at the top, and when nothing more will come the page says so.
func TestRowsComeWhileATableIsRead(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium on this machine; make test brings it")
	}
	p := newPages()
	hostile := `<img src=x onerror="document.title='hacked'">`
	mux := http.NewServeMux()
	mux.HandleFunc("/decisions", func(w http.ResponseWriter, _ *http.Request) { p.ConsoleList(sampleConsoleLive()).Send(w) })
	mux.HandleFunc("/decisions/live", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			row := Row{Cells: []Cell{{Time: sampleNow}, {Text: "Denied", Tone: ToneDeny}, {Text: hostile, Sub: fmt.Sprint("row ", i)}}, Actions: []Action{{"Explain", "/explain?request=1"}, {"Bad", "javascript:alert(1)"}}}
			fmt.Fprintf(w, "event: row\ndata: %s\n\n", p.LiveRow(row))
		}
		fmt.Fprint(w, "event: end\ndata: refused\n\n")
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, cancel := openBrowser(t, program)
	defer cancel()
	var seen complaints
	if err := chromedp.Listen(ctx, seen.listen); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/decisions"), chromedp.WaitVisible(chromedp.CSS("#live button")),
		chromedp.Click(chromedp.CSS("#live button")), chromedp.WaitVisible(chromedp.CSS(".fresh:nth-child(3)"))); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		First, Sub, Note, Button, Title string
		Links, Images, Empty            int
	}](`({
		First: document.querySelector(".fresh td:nth-child(3) bdi").textContent, Sub: document.querySelector(".fresh small").textContent,
		Note: document.querySelector("#live [role=status]").textContent, Button: document.querySelector("#live button").textContent, Title: document.title,
		Links: document.querySelectorAll(".fresh .do a").length, Images: document.querySelectorAll(".fresh img").length, Empty: document.querySelectorAll(".empty").length,
	})`))
	if err != nil {
		t.Fatal(err)
	}
	if got.First != hostile || got.Sub != "row 2" || got.Note != "Nothing more will come." || got.Button != "Show new ones as they come" ||
		got.Links != 3 || got.Images != 0 || got.Empty != 0 || got.Title == "hacked" {
		t.Errorf("%+v", got)
	}
	for _, text := range seen.take(http.StatusOK) {
		t.Errorf("the browser says %s", text)
	}
}
