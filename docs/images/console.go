package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/chromedp/chromedp"
)

const consoleAddress = "https://console.localhost:8443"

// A consolePicture is a page of the console as the administrator sees it. click
// leads there from the picture's address; "" is the address itself.
type consolePicture struct {
	picture
	click string
}

// consolePictures come after those of the engineer, who has been denied by then.
var consolePictures = []consolePicture{
	{picture{"console-overview", administrator, consoleAddress + "/", 1180, 1500, "light", "main svg"}, ""},
	{picture{"console-decisions", administrator, consoleAddress + "/decisions?outcome=refused", 1180, 800, "light", "main .data tbody tr"}, ""},
	{picture{"console-explain", administrator, consoleAddress + "/decisions?outcome=deny", 1180, 1040, "light", "main .data tbody tr"}, ".do a"},
	{picture{"console-routes", administrator, consoleAddress + "/routes", 1180, 700, "dark", "main .data tbody tr"}, ""},
	{picture{"console-replay", administrator, consoleAddress + "/replay", 1180, 640, "light", "main form"}, ""},
	{picture{"console-decisions-phone", administrator, consoleAddress + "/decisions?outcome=deny", 390, 844, "dark", "main .data tbody tr"}, ""},
}

// photographConsole takes them with the administrator's browser.
func photographConsole(tab context.Context, out string) error {
	for _, p := range consolePictures {
		if err := photographConsolePage(tab, p, filepath.Join(out, p.file+".png")); err != nil {
			return fmt.Errorf("photograph %s: %w", p.file, err)
		}
	}
	return nil
}

func photographConsolePage(tab context.Context, p consolePicture, file string) error {
	if p.click == "" {
		return photograph(tab, p.picture, file)
	}
	err := chromedp.Do(tab, chromedp.Navigate(p.url), chromedp.WaitVisible(p.ready))
	if err != nil {
		return err
	}
	to, err := chromedp.Run(tab, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).href", p.click)))
	if err != nil {
		return err
	}
	there := p.picture
	there.url, there.ready = to, "main h1"
	return photograph(tab, there, file)
}
