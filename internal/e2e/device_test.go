package e2e

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// A key is an authenticator that Chromium plays.
type key struct {
	b   *chromium
	ctx context.Context
	id  webauthn.AuthenticatorID
}

// The authenticators of the stories: a key on a cable, and one that is part of
// the machine.
var (
	usbKey = webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb,
		HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	builtIn = webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true,
		HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
)

// plug gives a tab an authenticator.
func (b *chromium) plug(t testing.TB, ctx context.Context, o webauthn.VirtualAuthenticatorOptions) *key {
	t.Helper()
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &o})
	if err != nil {
		t.Fatal(err)
	}
	return &key{b, ctx, got.AuthenticatorID}
}

// unplug takes the authenticator away, and returns the keys that it held.
func (k *key) unplug(t testing.TB) []*webauthn.Credential {
	t.Helper()
	held, err := chromedp.Call(k.ctx, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: k.id})
	if err == nil {
		_, err = chromedp.Call(k.ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: k.id})
	}
	if err != nil {
		t.Fatal(err)
	}
	return held.Credentials
}

// addCredential is webauthn.AddCredentialParams with what any authenticator can
// hold: the browser refuses the rest, be it only that there is none.
type addCredential struct {
	AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
	Credential      struct {
		CredentialID         []byte  `json:"credentialId"`
		IsResidentCredential bool    `json:"isResidentCredential"`
		RpID                 string  `json:"rpId"`
		PrivateKey           []byte  `json:"privateKey"`
		UserHandle           []byte  `json:"userHandle,omitempty"`
		SignCount            float64 `json:"signCount"`
	} `json:"credential"`
}

// add puts a key into the authenticator.
func (k *key) add(t testing.TB, c *webauthn.Credential) {
	t.Helper()
	params := addCredential{AuthenticatorID: k.id}
	params.Credential.CredentialID, params.Credential.IsResidentCredential, params.Credential.RpID = c.CredentialID, c.IsResidentCredential, c.RpID
	params.Credential.PrivateKey, params.Credential.UserHandle, params.Credential.SignCount = c.PrivateKey, c.UserHandle, c.SignCount
	if _, err := chromedp.Call(k.ctx, cdp.Command[addCredential, cdp.Empty]{Method: webauthn.CommandAddCredential}, params); err != nil {
		t.Fatal(err)
	}
}

// arrives waits until the tab is at a page of ours whose address begins so.
func (b *chromium) arrives(t testing.TB, ctx context.Context, prefix string) {
	t.Helper()
	eventually(t, patience, "arrival below "+prefix, func() error {
		at, err := chromedp.Run(ctx, chromedp.Location())
		if err == nil && !strings.HasPrefix(at, prefix) {
			err = fmt.Errorf("at %s: %s", at, shorten(b.text(ctx)))
		}
		return err
	})
}

// press presses the button of a ceremony.
func (b *chromium) press(t testing.TB, ctx context.Context, ceremony string) {
	t.Helper()
	button := chromedp.CSS(`form[data-ceremony="` + ceremony + `"] button:not([disabled])`)
	b.do(t, ctx, chromedp.WaitVisible(button), chromedp.Click(button))
}

// signsIn fills the form of the built-in provider.
func (b *chromium) signsIn(t testing.TB, ctx context.Context, email, password string) {
	t.Helper()
	b.do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.Clear(chromedp.CSS("#email")),
		chromedp.SendKeys(chromedp.CSS("#email"), email), chromedp.SendKeys(chromedp.CSS("#password"), password), chromedp.Click(chromedp.CSS("form button")))
}

// forgets empties the browser's cookies: what follows is another session.
func (b *chromium) forgets(t testing.TB, ctx context.Context) {
	t.Helper()
	if _, err := chromedp.Call(ctx, network.ClearBrowserCookies, struct{}{}); err != nil {
		t.Fatal(err)
	}
}

var deviceID = regexp.MustCompile(`[a-z2-7]{26}`)

// deviceID waits for the page that asks for an approved device, and returns the
// id on it. A 450 alone may be part of a port.
func (b *chromium) deviceID(t testing.TB) string {
	t.Helper()
	var id string
	eventually(t, inForce, "the page with the id of the device", func() error {
		text := b.text(b.ctx)
		if id = deviceID.FindString(text); id == "" || !strings.Contains(text, "450") {
			return errors.New(shorten(text))
		}
		return nil
	})
	return id
}

// TestDevicesInChromium is a person's life with devices on the quickstart.
func TestDevicesInChromium(t *testing.T) {
	in := launch(t, quickstart(t))
	const person = "engineer@example.com"
	password := in.passwords()[person]
	b := in.chromium(t)
	ctx := b.ctx
	wanted, approved := in.at("device.localhost/first?q=1"), in.at("approved.localhost/")
	ceremony := in.at("authenticate.localhost/.pomerium/webauthn")
	var held []*webauthn.Credential

	t.Run("who has no device registers one on the way", func(t *testing.T) {
		b.do(t, ctx, chromedp.Navigate(wanted))
		b.signsIn(t, ctx, person, password)
		b.arrives(t, ctx, ceremony)
		b.shows(t, ctx, "Register a device")
		key := b.plug(t, ctx, usbKey)
		b.do(t, ctx, chromedp.SendKeys(chromedp.CSS("#name"), "Key on my ring"))
		b.press(t, ctx, "register")
		b.reaches(t, ctx, wanted)
		b.shows(t, ctx, person)
		held = key.unplug(t)
		if len(held) != 1 {
			t.Fatalf("the authenticator holds %d keys", len(held))
		}
		b.clean(t)
	})
	t.Run("the session goes on without a touch", func(t *testing.T) {
		b.do(t, ctx, chromedp.Navigate(in.at("device.localhost/again")))
		b.shows(t, ctx, person)
		b.clean(t)
	})
	t.Run("another session asks for a touch", func(t *testing.T) {
		b.forgets(t, ctx)
		b.do(t, ctx, chromedp.Navigate(wanted))
		b.signsIn(t, ctx, person, password)
		b.arrives(t, ctx, ceremony)
		b.shows(t, ctx, "Use your device")
		key := b.plug(t, ctx, usbKey)
		key.add(t, held[0])
		b.press(t, ctx, "authenticate")
		b.reaches(t, ctx, wanted)
		b.shows(t, ctx, person)
		held = key.unplug(t)
		b.clean(t)
	})
	t.Run("a question that nobody answers can be asked again", func(t *testing.T) {
		b.forgets(t, ctx)
		b.do(t, ctx, chromedp.Navigate(wanted))
		b.signsIn(t, ctx, person, password)
		b.arrives(t, ctx, ceremony)
		stranger := b.plug(t, ctx, usbKey) // holds no key of ours
		b.press(t, ctx, "authenticate")
		b.shows(t, ctx, "the question was closed, or nobody answered in time")
		stranger.unplug(t)
		key := b.plug(t, ctx, usbKey)
		key.add(t, held[0])
		b.press(t, ctx, "authenticate")
		b.reaches(t, ctx, wanted)
		held = key.unplug(t)
		b.clean(t)
	})
	var id string
	t.Run("where approval is needed, the page shows the id to hand over", func(t *testing.T) {
		b.do(t, ctx, chromedp.Navigate(approved))
		id = b.deviceID(t)
		b.clean(t, 450)
	})
	t.Run("the session page lists the device", func(t *testing.T) {
		b.do(t, ctx, chromedp.Navigate(in.at("device.localhost/.pomerium/")), chromedp.WaitVisible(chromedp.CSS("#devices")))
		b.shows(t, ctx, "Key on my ring")
		if got := deviceID.FindString(b.text(ctx)); got != id {
			t.Errorf("it says %q, the other page said %q", got, id)
		}
		b.clean(t)
	})
	t.Run("its owner renames it and deletes it, and it opens nothing any more", func(t *testing.T) {
		b.do(t, ctx, chromedp.Navigate(in.at("authenticate.localhost/.pomerium/devices")), chromedp.WaitVisible(chromedp.CSS(".cards")))
		b.do(t, ctx, chromedp.Click(chromedp.CSS(".cards details:nth-of-type(1) summary")), chromedp.Clear(chromedp.CSS(`input[name="name"]`)),
			chromedp.SendKeys(chromedp.CSS(`input[name="name"]`), "Spare key"), chromedp.Click(chromedp.CSS(".cards details:nth-of-type(1) button")))
		b.shows(t, ctx, "The device has its new name")
		b.do(t, ctx, chromedp.Click(chromedp.CSS(".cards details:nth-of-type(2) summary")), chromedp.WaitVisible(chromedp.CSS(".cards details:nth-of-type(2) button")),
			chromedp.Click(chromedp.CSS(".cards details:nth-of-type(2) button")))
		b.shows(t, ctx, "The device was deleted")
		b.do(t, ctx, chromedp.Navigate(wanted))
		b.arrives(t, ctx, ceremony)
		b.shows(t, ctx, "Register a device")
		b.clean(t)
	})
	t.Run("a fetch is told what is missing", func(t *testing.T) {
		b.do(t, ctx, chromedp.Navigate(in.at("device.localhost/ping"))) // a page of this origin that may fetch
		told, err := chromedp.Run(ctx, chromedp.Evaluate[string](`fetch("/data", {headers: {Accept: "application/json"}}).then(async r =>
			r.status + " " + r.headers.get("WWW-Authenticate") + " " + JSON.stringify(await r.json()))`, chromedp.EvalAwaitPromise))
		if err != nil || !strings.HasPrefix(told, "401 WebAuthn ") || !strings.Contains(told, `"device_type":"any"`) {
			t.Errorf("told %q, %v", told, err)
		}
		b.clean(t, 401)
	})
}

// TestOnlyTheMachineItselfInChromium is a route that asks for a key which never
// leaves the machine.
func TestOnlyTheMachineItselfInChromium(t *testing.T) {
	in := launch(t, quickstart(t)+`
  - from: https://enclave.localhost:$PORT
    verify: true
    policy: [{allow: {and: [{domain: {is: example.com}}, {device: {type: enclave_only}}]}}]
`)
	const person = "engineer@example.com"
	b := in.chromium(t)
	ctx := b.ctx
	page := in.at("enclave.localhost/")
	b.do(t, ctx, chromedp.Navigate(page))
	b.signsIn(t, ctx, person, in.passwords()[person])
	b.shows(t, ctx, "It has to be the device you are on")

	synced := builtIn
	synced.DefaultBackupEligibility, synced.DefaultBackupState = true, true
	key := b.plug(t, ctx, synced)
	b.press(t, ctx, "register")
	b.shows(t, ctx, "This passkey is copied to your other devices")
	key.unplug(t)

	b.plug(t, ctx, builtIn)
	b.press(t, ctx, "register")
	b.reaches(t, ctx, page)
	b.shows(t, ctx, person)
	b.clean(t, 400)
}

// TestAFreshTouchInChromium is a route that asks for a touch, with the PIN, of a
// few seconds ago.
func TestAFreshTouchInChromium(t *testing.T) {
	in := launch(t, quickstart(t)+`
  - from: https://pay.localhost:$PORT
    verify: true
    policy: [{allow: {and: [{domain: {is: example.com}}, {device: {within: 3s, user_verified: true}}]}}]
`)
	const person = "engineer@example.com"
	b := in.chromium(t)
	ctx := b.ctx
	page, ceremony := in.at("pay.localhost/transfer?to=x&amount=1%2C5"), in.at("authenticate.localhost/.pomerium/webauthn")
	b.do(t, ctx, chromedp.Navigate(page))
	b.signsIn(t, ctx, person, in.passwords()[person])
	b.arrives(t, ctx, ceremony)
	b.plug(t, ctx, usbKey)
	b.press(t, ctx, "register")
	b.reaches(t, ctx, page)
	for range 2 {
		eventually(t, patience, "the question for another touch", func() error {
			b.do(t, ctx, chromedp.Navigate(page))
			at, err := chromedp.Run(ctx, chromedp.Location())
			if err == nil && !strings.HasPrefix(at, ceremony) {
				err = fmt.Errorf("at %s", at)
			}
			return err
		})
		b.shows(t, ctx, "Use your device")
		b.press(t, ctx, "authenticate")
		b.reaches(t, ctx, page)
		b.shows(t, ctx, person)
	}
}
