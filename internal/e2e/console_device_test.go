package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// follows clicks what a selector finds, once it is seen.
func (b *chromium) follows(t testing.TB, ctx context.Context, selector string) {
	t.Helper()
	b.do(t, ctx, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// comesTo opens an address again and again until its page holds a text: what was
// changed elsewhere is in force a moment later.
func (b *chromium) comesTo(t testing.TB, ctx context.Context, address, want string) {
	t.Helper()
	eventually(t, inForce, address+" with "+want, func() error {
		if err := chromedp.Do(ctx, chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("h1"))); err != nil {
			return err
		}
		if text := b.text(ctx); !strings.Contains(text, want) {
			return errors.New(shorten(text))
		}
		return nil
	})
}

// fits fails the test where a page is wider than a small phone.
func (b *chromium) fits(t testing.TB, ctx context.Context) {
	t.Helper()
	b.do(t, ctx, chromedp.EmulateViewport(320, 640))
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
	if err != nil || wide > 320 {
		t.Errorf("the page is %d pixels wide, %v", wide, err)
	}
	b.do(t, ctx, chromedp.EmulateViewport(1100, 800))
}

// link makes one for the engineer by the command, and returns its address.
func (in *instance) link(t testing.TB, args ...string) string {
	t.Helper()
	var out struct{ URL string }
	text := in.tool(t, 0, append([]string{"device", "link", "create", "--json", "--config", in.file, "--user", in.keyOf(t, "engineer@example.com")}, args...)...)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out.URL
}

// keyOf returns the key of somebody who has signed in.
func (in *instance) keyOf(t testing.TB, email string) string {
	t.Helper()
	var out struct{ Users []struct{ Key string } }
	eventually(t, inForce, email, func() error {
		text := in.tool(t, 0, "user", "list", "--json", "--search", email, "--config", in.file)
		if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Users) != 1 {
			return fmt.Errorf("%v in %s", err, text)
		}
		return nil
	})
	return out.Users[0].Key
}

// TestAnAdministratorAndDevicesInChromium is the life of devices between two
// people, each at a browser of their own.
func TestAnAdministratorAndDevicesInChromium(t *testing.T) {
	in := launch(t, quickstart(t))
	const engineer, administrator = "engineer@example.com", "admin@example.com"
	a, e := in.chromium(t), in.chromium(t)
	approved, ceremony := in.at("approved.localhost/"), in.at("authenticate.localhost/.pomerium/webauthn")
	devices := in.at("console.localhost/devices")
	a.do(t, a.ctx, chromedp.Navigate(devices))
	a.signsIn(t, a.ctx, administrator, in.passwords()[administrator])
	a.shows(t, a.ctx, "Devices that people enroll appear here")
	a.clean(t)

	var id string
	t.Run("a device that its owner enrolled waits for approval", func(t *testing.T) {
		e.do(t, e.ctx, chromedp.Navigate(approved))
		e.signsIn(t, e.ctx, engineer, in.passwords()[engineer])
		e.arrives(t, e.ctx, ceremony)
		key := e.plug(t, e.ctx, usbKey)
		e.do(t, e.ctx, chromedp.SendKeys(chromedp.CSS("#name"), "Key <b>on</b> my ring"))
		e.press(t, e.ctx, "register")
		e.reaches(t, e.ctx, approved)
		id = e.deviceID(t)
		key.unplug(t)
		e.clean(t, 450)
	})
	t.Run("the administrator finds it by its id and approves it, and the same page opens", func(t *testing.T) {
		a.comesTo(t, a.ctx, devices+"?state=waiting&q="+id, "1 device")
		a.shows(t, a.ctx, "Key <b>on</b> my ring")
		a.fits(t, a.ctx)
		a.follows(t, a.ctx, ".data .do a")
		a.shows(t, a.ctx, "Approve this device?")
		a.follows(t, a.ctx, "form.ask button")
		a.shows(t, a.ctx, "The device has been approved")
		a.shows(t, a.ctx, "Self-asserted")
		a.fits(t, a.ctx)
		a.clean(t)
		e.comesTo(t, e.ctx, approved, engineer)
		e.clean(t, 450)
	})
	t.Run("who takes the approval back shuts the page again", func(t *testing.T) {
		a.follows(t, a.ctx, `.acts a[href^="/devices/disapprove"]`)
		a.follows(t, a.ctx, "form.ask button")
		a.shows(t, a.ctx, "The approval has been taken back")
		e.comesTo(t, e.ctx, approved, "450")
		a.clean(t)
		e.clean(t, 450)
	})
	t.Run("a deleted device is none: its owner is asked to register one", func(t *testing.T) {
		a.follows(t, a.ctx, `.acts a[href^="/devices/delete"]`)
		a.follows(t, a.ctx, "form.ask button")
		a.shows(t, a.ctx, "The device has been deleted")
		e.comesTo(t, e.ctx, approved, "Register a device")
		e.do(t, e.ctx, chromedp.Navigate(in.at("authenticate.localhost/.pomerium/devices")), chromedp.WaitVisible(chromedp.CSS("h1")))
		if text := e.text(e.ctx); strings.Contains(text, id) {
			t.Errorf("its owner still sees it:\n%s", text)
		}
		a.clean(t)
		e.clean(t, 450)
	})
	var link string
	t.Run("the administrator makes a link for one person", func(t *testing.T) {
		a.do(t, a.ctx, chromedp.Navigate(devices))
		a.follows(t, a.ctx, `.acts a[href="/devices/enroll"]`)
		a.modal(t)
		a.do(t, a.ctx, chromedp.KeyEvent(kb.Escape))
		a.follows(t, a.ctx, `.acts a[href="/devices/enroll"]`)
		a.do(t, a.ctx, chromedp.WaitVisible(chromedp.CSS("#q")), chromedp.SendKeys(chromedp.CSS("#q"), "engineer@"), chromedp.Click(chromedp.CSS("form.find button")))
		a.shows(t, a.ctx, "1 person")
		a.follows(t, a.ctx, "dialog .data .do a")
		a.do(t, a.ctx, chromedp.WaitVisible(chromedp.CSS("#r-redirect_url")), chromedp.SendKeys(chromedp.CSS("#r-redirect_url"), "https://evil.example/"),
			chromedp.Click(chromedp.CSS("form.ask button")), chromedp.WaitVisible(chromedp.CSS("#e-redirect_url")))
		a.clean(t, 400)
		a.do(t, a.ctx, chromedp.Clear(chromedp.CSS("#r-redirect_url")), chromedp.SendKeys(chromedp.CSS("#r-redirect_url"), approved), chromedp.Click(chromedp.CSS("form.ask button")),
			chromedp.WaitVisible(chromedp.CSS("#enrollment-link")), chromedp.WaitVisible(chromedp.CSS(`button[data-copy="enrollment-link"]`)))
		var err error
		if link, err = chromedp.Run(a.ctx, chromedp.Evaluate[string](`document.getElementById("enrollment-link").textContent`)); err != nil || !strings.HasPrefix(link, ceremony+"?") {
			t.Fatalf("the link %q, %v", link, err)
		}
		a.modal(t)
		a.fits(t, a.ctx)
		a.clean(t)
	})
	t.Run("somebody else is told that it is not theirs", func(t *testing.T) {
		a.do(t, a.ctx, chromedp.Navigate(link))
		a.shows(t, a.ctx, "This link was made for somebody else")
		a.clean(t, 403)
	})
	t.Run("the person registers, and lands where a device is needed", func(t *testing.T) {
		e.do(t, e.ctx, chromedp.Navigate(link))
		e.shows(t, e.ctx, "An administrator has made this link for you")
		e.plug(t, e.ctx, usbKey)
		e.press(t, e.ctx, "register")
		e.reaches(t, e.ctx, approved)
		e.shows(t, e.ctx, engineer)
		e.clean(t)
		a.comesTo(t, a.ctx, in.at("console.localhost/devices/links?state=used"), "1 link")
		a.fits(t, a.ctx)
		a.follows(t, a.ctx, `.data a[href^="/devices/show"]`)
		a.shows(t, a.ctx, "Approved")
		a.shows(t, a.ctx, administrator)
		a.clean(t, 403)
	})
	t.Run("it works once", func(t *testing.T) {
		e.do(t, e.ctx, chromedp.Navigate(link))
		e.shows(t, e.ctx, "This enrollment link was already used")
		e.clean(t, 400)
	})
	t.Run("a link that was taken back is not valid any more", func(t *testing.T) {
		link := in.link(t)
		e.do(t, e.ctx, chromedp.Navigate(link))
		e.shows(t, e.ctx, "An administrator has made this link for you")
		a.comesTo(t, a.ctx, in.at("console.localhost/devices/links?state=waiting"), "1 link")
		a.follows(t, a.ctx, ".data .do a")
		a.follows(t, a.ctx, "form.ask button")
		a.shows(t, a.ctx, "The link has been taken back")
		e.do(t, e.ctx, chromedp.Navigate(link))
		e.shows(t, e.ctx, "This enrollment link is not valid")
		a.clean(t)
		e.clean(t, 400)
	})
	t.Run("a link ends", func(t *testing.T) {
		e.comesTo(t, e.ctx, in.link(t, "--valid", "1s"), "This enrollment link has expired")
		e.clean(t, 400)
	})
	t.Run("the audit knows who did it", func(t *testing.T) {
		told := in.tool(t, 0, "audit", "list", "--config", "config.yaml")
		for _, action := range []string{"device.approve", "device.disapprove", "device.delete", "enrollment_link.create", "enrollment_link.revoke"} {
			if !strings.Contains(told, action) {
				t.Errorf("nothing of %s:\n%s", action, told)
			}
		}
		if code := link[strings.LastIndex(link, ".")+1:]; strings.Contains(in.logs.text(), code) || strings.Contains(told, code) {
			t.Error("the log or the audit has the address of a link")
		}
	})
}

// modal checks that a dialog lies on the page: the keyboard goes round in it,
// and what is beneath cannot be reached.
func (b *chromium) modal(t testing.TB) {
	t.Helper()
	b.do(t, b.ctx, chromedp.WaitVisible(chromedp.CSS("dialog[aria-modal=true] main")))
	for range 40 {
		inside, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`document.querySelector(".beneath").inert &&
			(document.activeElement === document.body || document.activeElement.closest("dialog") !== null)`))
		if err != nil || !inside {
			t.Fatalf("the keyboard leaves the dialog: %v", err)
		}
		b.do(t, b.ctx, chromedp.KeyEvent(kb.Tab))
	}
}

// TestDevicesByCommand decides about devices from a terminal.
func TestDevicesByCommand(t *testing.T) {
	in := launch(t, quickstart(t))
	const engineer = "engineer@example.com"
	e := in.chromium(t)
	approved := in.at("approved.localhost/")
	e.do(t, e.ctx, chromedp.Navigate(approved))
	e.signsIn(t, e.ctx, engineer, in.passwords()[engineer])
	e.plug(t, e.ctx, usbKey)
	e.press(t, e.ctx, "register")
	id := e.deviceID(t)
	device := func(code int, args ...string) string {
		t.Helper()
		return in.tool(t, code, append([]string{"device", "--config", in.file}, args...)...)
	}
	eventually(t, inForce, "the device in the list", func() error {
		if out := device(0, "list", "--state", "waiting"); !strings.Contains(out, id) || !strings.Contains(out, engineer) {
			return errors.New(out)
		}
		return nil
	})
	if out := device(0, "show", id); !strings.Contains(out, "self-asserted") || !strings.Contains(out, "Mozilla/5.0") {
		t.Errorf("it says\n%s", out)
	}
	if out := device(0, "approve", id); !strings.Contains(out, "approved "+id) {
		t.Errorf("it says %q", out)
	}
	e.comesTo(t, e.ctx, approved, engineer)
	if out := device(0, "disapprove", id, "--json"); !strings.Contains(out, `"disapproved"`) {
		t.Errorf("it says %q", out)
	}
	e.comesTo(t, e.ctx, approved, "450")
	device(0, "delete", id)
	e.comesTo(t, e.ctx, approved, "Register a device")
	if out := device(1, "approve", id); !strings.Contains(out, "not there, or not any more") {
		t.Errorf("it says %q", out)
	}
	key := in.keyOf(t, engineer)
	if out := device(1, "link", "create", "--user", key, "--redirect", "https://evil.example/"); !strings.Contains(out, "an https address of a configured route") {
		t.Errorf("it says %q", out)
	}
	if out := device(0, "link", "create", "--user", key, "--redirect", approved, "--type", "enclave_only"); !strings.HasPrefix(out, in.at("authenticate.localhost/.pomerium/webauthn?")) {
		t.Errorf("it says %q", out)
	}
	var listed struct{ Links []struct{ ID, State string } }
	eventually(t, inForce, "the link in the list", func() error {
		if err := json.Unmarshal([]byte(device(0, "link", "list", "--state", "waiting", "--json")), &listed); err != nil || len(listed.Links) != 1 {
			return fmt.Errorf("%v, %v", listed, err)
		}
		return nil
	})
	if out := device(0, "link", "revoke", listed.Links[0].ID); !strings.Contains(out, "revoked "+listed.Links[0].ID) {
		t.Errorf("it says %q", out)
	}
	if out := device(1, "link", "revoke", listed.Links[0].ID); !strings.Contains(out, "link \""+listed.Links[0].ID) {
		t.Errorf("it says %q", out)
	}
}
