package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTheConsoleInChromium is what an administrator does on the quickstart, in a
// real browser that complains about everything that the content security policy
// stops.
func TestTheConsoleInChromium(t *testing.T) {
	in := launch(t, quickstart(t))
	made := in.passwords()
	engineer := in.client(t, clientOptions{})
	engineer.follow(t, engineer.typePassword(t, engineer.browse(t, in.at("verify.localhost/json")), "engineer@example.com", made["engineer@example.com"])).want(t, http.StatusOK)

	b := in.chromium(t)
	click := func(selector string) chromedp.Action[chromedp.Void] { return chromedp.Click(chromedp.CSS(selector)) }
	t.Run("signing in leads to the list", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("console.localhost/sessions")), chromedp.WaitVisible(chromedp.CSS("#password")),
			chromedp.SendKeys(chromedp.CSS("#email"), "admin@example.com"), chromedp.SendKeys(chromedp.CSS("#password"), made["admin@example.com"]), click("form button"))
		b.reaches(t, b.ctx, in.at("console.localhost/sessions"))
		b.shows(t, b.ctx, "Erin Engineer")
		b.clean(t)
	})
	t.Run("searching finds one", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.SendKeys(chromedp.CSS("#q"), "erin"), click(".find button"))
		b.reaches(t, b.ctx, in.at("console.localhost/sessions?q=erin&state="))
		b.shows(t, b.ctx, "1 session") // though "erin" is in "engineering", a group of both
		b.clean(t)
	})
	t.Run("a person and their groups", func(t *testing.T) {
		b.do(t, b.ctx, click("tbody td a"), chromedp.WaitVisible(chromedp.CSS("#groups")))
		b.shows(t, b.ctx, "engineering")
		b.do(t, b.ctx, click(".tags a"))
		b.shows(t, b.ctx, "Members of the group")
		b.clean(t)
	})
	t.Run("ending the session asks first, and then holds", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("console.localhost/sessions?q=erin")), click(`td.do a[href^="/sessions/revoke"]`), chromedp.WaitVisible(chromedp.CSS("form.ask")))
		b.shows(t, b.ctx, "End this session?")
		engineer.get(t, in.at("verify.localhost/json")).want(t, http.StatusOK)
		b.do(t, b.ctx, click("form.ask button"))
		b.reaches(t, b.ctx, in.at("console.localhost/sessions?done=revoked"))
		b.shows(t, b.ctx, "The session has been ended.")
		eventually(t, inForce, "the end of the session", func() error {
			if a := engineer.get(t, in.at("verify.localhost/"), "Accept", "text/html"); !a.signInAsked() {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
		// What the built-in provider remembers of them makes no session.
		asked := engineer.browse(t, in.at("verify.localhost/json"))
		if !strings.Contains(asked.body, `type="password"`) {
			t.Errorf("no password is asked for: %d %s", asked.status, asked.url)
		}
		engineer.follow(t, engineer.typePassword(t, asked, "engineer@example.com", made["engineer@example.com"])).want(t, http.StatusOK)
		b.clean(t)
	})
	t.Run("everything can be reached by keyboard", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("console.localhost/sessions")), chromedp.WaitVisible(chromedp.CSS("#q")))
		var seen []string
		for range 40 {
			b.do(t, b.ctx, chromedp.KeyEvent("\t"))
			at, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.activeElement.id || document.activeElement.innerText || document.activeElement.tagName`))
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, strings.TrimSpace(at))
		}
		all := strings.Join(seen, "|") + "|"
		for _, want := range []string{"Sessions|", "People|", "End all sessions|", "q|", "f-state|", "Search|", "Person|", "Ada Admin|", "End|"} {
			if !strings.Contains(all, want) {
				t.Errorf("%q is not reached: %s", want, all)
			}
		}
		b.clean(t)
	})
	t.Run("what is not there", func(t *testing.T) {
		b.do(t, b.ctx, chromedp.Navigate(in.at("console.localhost/nothing")), chromedp.WaitVisible(chromedp.CSS("h1")))
		b.shows(t, b.ctx, "There is nothing here")
		b.clean(t, 404)
	})
}
