package main

import (
	"context"

	"github.com/chromedp/chromedp"
)

const consoleHost = "https://console.localhost:8443"

// consolePictures come last: the engineer has been denied by then.
var consolePictures = []picture{
	{"console-overview", administrator, consoleHost + "/", 1180, 1450, "light", "main svg", nil},
	{"console-decisions", administrator, consoleHost + "/decisions?outcome=refused", 1180, 800, "light", ".data .do a", nil},
	{"console-decisions-phone", administrator, consoleHost + "/decisions?outcome=deny", 390, 844, "dark", ".data .do a", nil},
	{"console-explain", administrator, "", 1040, 1060, "light", "#verdict", why},
	{"console-routes", administrator, consoleHost + "/routes", 1180, 700, "dark", ".data tbody tr", nil},
	{"console-tests", administrator, consoleHost + "/routes/tests", 1180, 760, "light", ".data tbody tr", nil},
	{"console-act", administrator, "", 1040, 900, "light", "form.ask", ask},
	{"console-acting", administrator, "", 1040, 520, "dark", ".notice.wait", act},
	{"console-replay", administrator, consoleHost + "/replay", 1180, 640, "light", "form.ask", nil},
}

// deny lets the engineer be denied.
func deny(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Navigate("https://admin.localhost:8443/"), chromedp.WaitVisible(chromedp.CSS("main h1")))
}

// ask goes to the form that asks why the administrator acts as the engineer, and
// act sends it.
func ask(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Navigate(consoleHost+"/sessions?q="+engineer), chromedp.WaitVisible(chromedp.CSS(`.do a[href*="/impersonation/"]`)),
		chromedp.Click(chromedp.CSS(`.do a[href*="/impersonation/"]`)), chromedp.WaitVisible(chromedp.CSS("#r-reason")),
		chromedp.SendKeys(chromedp.CSS("#r-reason"), "ticket 4711: the reports do not open"))
}

func act(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Click(chromedp.CSS("form.ask button")), chromedp.WaitVisible(chromedp.CSS(".notice.wait")))
}

// why goes from that denial to its explanation.
func why(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Navigate(consoleHost+"/decisions?outcome=deny&person="+engineer), chromedp.WaitVisible(chromedp.CSS(".data .do a")),
		chromedp.Click(chromedp.CSS(".data .do a")), chromedp.WaitVisible(chromedp.CSS("#verdict")))
}
