package main

import (
	"context"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// registerForm is where a browser registers a device.
const registerForm = `form[data-ceremony="register"]`

// enroll registers a device that the browser plays.
func enroll(tab context.Context) error {
	if _, err := chromedp.Call(tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		return err
	}
	key := webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb,
		HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if _, err := chromedp.Call(tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &key}); err != nil {
		return err
	}
	return chromedp.Do(tab, chromedp.Navigate("https://device.localhost:8443/"), chromedp.WaitVisible(chromedp.CSS(registerForm)),
		chromedp.SendKeys(chromedp.CSS("#name"), "Blue key on my ring"), chromedp.WaitVisible(chromedp.CSS(registerForm+" button:not([disabled])")),
		chromedp.Click(chromedp.CSS(registerForm+" button")), chromedp.WaitVisible(chromedp.CSS("main table")))
}

// choose goes to the form of a new enrollment for the engineer.
func choose(tab context.Context) error {
	return chromedp.Do(tab, chromedp.Navigate("https://console.localhost:8443/devices/enroll?q="+engineer), chromedp.WaitVisible(chromedp.CSS("dialog .data .do a")),
		chromedp.Click(chromedp.CSS("dialog .data .do a")), chromedp.WaitVisible(chromedp.CSS("form.ask")))
}
