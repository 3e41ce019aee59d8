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
	{"console-replay", administrator, consoleHost + "/replay", 1180, 640, "light", "form.ask", nil},
}

// deny lets the engineer be denied.
func deny(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Navigate("https://admin.localhost:8443/"), chromedp.WaitVisible(chromedp.CSS("main h1")))
}

// why goes from that denial to its explanation.
func why(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Navigate(consoleHost+"/decisions?outcome=deny&person="+engineer), chromedp.WaitVisible(chromedp.CSS(".data .do a")),
		chromedp.Click(chromedp.CSS(".data .do a")), chromedp.WaitVisible(chromedp.CSS("#verdict")))
}
