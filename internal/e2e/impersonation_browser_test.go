package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// signInAt types a password of the quickstart on the way to an address.
func (b *chromium) signInAt(t testing.TB, address, email, password string) {
	t.Helper()
	b.do(t, b.ctx, chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("#password")),
		chromedp.SendKeys(chromedp.CSS("#email"), email), chromedp.SendKeys(chromedp.CSS("#password"), password), chromedp.Click(chromedp.CSS("form button")))
	b.reaches(t, b.ctx, address)
}

// TestActingAsAPersonInChromium is what an administrator does on the quickstart
// in one browser, and what the person sees of it in another.
func TestActingAsAPersonInChromium(t *testing.T) {
	in := launch(t, quickstart(t))
	made := in.passwords()
	const engineer, administrator = "engineer@example.com", "admin@example.com"
	them, admin := in.chromium(t), in.chromium(t)
	them.signInAt(t, in.at("verify.localhost/"), engineer, made[engineer])
	them.do(t, them.ctx, chromedp.Navigate(in.at("verify.localhost/.pomerium/")), chromedp.WaitVisible(chromedp.CSS("h1")))
	if text := them.text(them.ctx); strings.Contains(text, "acted as you") {
		t.Errorf("before anybody has: %s", text)
	}
	admin.signInAt(t, in.at("console.localhost/sessions"), administrator, made[administrator])
	admin.comesTo(t, admin.ctx, in.at("admin.localhost/"), administrator)

	t.Run("it is asked why", func(t *testing.T) {
		admin.comesTo(t, admin.ctx, in.at("console.localhost/sessions?q=erin"), "Act as this person")
		admin.follows(t, admin.ctx, `td.do a[href^="/impersonation/start"]`)
		admin.shows(t, admin.ctx, "Erin Engineer")
		admin.do(t, admin.ctx, chromedp.WaitVisible(chromedp.CSS("#r-reason")))
		admin.follows(t, admin.ctx, "form.ask button") // without a reason the browser stays
		admin.do(t, admin.ctx, chromedp.SendKeys(chromedp.CSS("#r-reason"), "ticket 4711"))
		admin.follows(t, admin.ctx, "form.ask button")
		admin.reaches(t, admin.ctx, in.at("console.localhost/sessions?done=impersonation-started"))
		admin.shows(t, admin.ctx, "In applications you act as")
		admin.fits(t, admin.ctx)
		admin.clean(t)
	})
	t.Run("applications take one for them", func(t *testing.T) {
		admin.comesTo(t, admin.ctx, in.at("verify.localhost/"), engineer)
		admin.comesTo(t, admin.ctx, in.at("admin.localhost/"), engineer) // who may not open it
		if text := admin.text(admin.ctx); strings.Contains(text, administrator) {
			t.Errorf("the refusal is of %s", text)
		}
		admin.comesTo(t, admin.ctx, in.at("device.localhost/"), engineer)
		if at, err := chromedp.Run(admin.ctx, chromedp.Location()); err != nil || at != in.at("device.localhost/") {
			t.Errorf("led to show a device, at %s, %v", at, err)
		}
		admin.clean(t, 403)
	})
	t.Run("both pages of one's own say it", func(t *testing.T) {
		admin.comesTo(t, admin.ctx, in.at("verify.localhost/.pomerium/"), "In applications you act as")
		if text := admin.text(admin.ctx); !strings.Contains(text, administrator) {
			t.Errorf("one's own page is another's: %s", text)
		}
		admin.fits(t, admin.ctx)
		them.comesTo(t, them.ctx, in.at("verify.localhost/.pomerium/"), "Administrators acted as you")
		them.shows(t, them.ctx, administrator)
		them.fits(t, them.ctx)
		admin.clean(t)
		them.clean(t)
	})
	t.Run("the console shows who it was", func(t *testing.T) {
		admin.comesTo(t, admin.ctx, in.at("console.localhost/decisions?outcome=deny&person=engineer"), administrator)
		admin.shows(t, admin.ctx, "Impersonated by")
		admin.comesTo(t, admin.ctx, in.at("console.localhost/audit"), "impersonation.start")
		admin.clean(t)
	})
	t.Run("it is stopped from any page", func(t *testing.T) {
		admin.comesTo(t, admin.ctx, in.at("verify.localhost/.pomerium/"), "In applications you act as")
		admin.follows(t, admin.ctx, `a[href$="/impersonation/stop"]`)
		admin.follows(t, admin.ctx, "form.ask button")
		admin.reaches(t, admin.ctx, in.at("console.localhost/sessions?done=impersonation-stopped"))
		admin.comesTo(t, admin.ctx, in.at("admin.localhost/"), administrator)
		admin.comesTo(t, admin.ctx, in.at("verify.localhost/.pomerium/"), administrator)
		if text := admin.text(admin.ctx); strings.Contains(text, "you act as") {
			t.Errorf("it goes on: %s", text)
		}
		them.comesTo(t, them.ctx, in.at("verify.localhost/.pomerium/"), "Administrators acted as you")
		admin.clean(t)
	})
}
