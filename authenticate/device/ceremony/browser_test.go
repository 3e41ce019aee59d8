package ceremony_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// browse returns a tab of a real browser on a page of the returned origin.
func browse(t *testing.T) (tab context.Context, origin string) {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip(`no chromium is installed; "make test" installs it`)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "<!doctype html><title>ceremony</title>")
	}))
	t.Cleanup(server.Close)
	origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-background-networking", true))
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	tab, leave := chromedp.NewContext(allocated)
	t.Cleanup(leave)
	tab, cancel := context.WithTimeout(tab, 2*time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab, chromedp.Navigate(origin)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return tab, origin
}

// ask has the page put a question to navigator.credentials.
func ask(t *testing.T, tab context.Context, method, parse string, question any) []byte {
	t.Helper()
	script := fmt.Sprintf(`navigator.credentials.%s({publicKey: PublicKeyCredential.%s(%s)}).then(c => JSON.stringify(c))`,
		method, parse, encoded(t, question))
	answer, err := chromedp.Run(tab, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return []byte(answer)
}

// TestARealBrowser asks Chromium's virtual authenticators: what they answer is
// not of our making.
func TestARealBrowser(t *testing.T) {
	t.Parallel()
	tab, origin := browse(t)
	p, err := ceremony.New(ceremony.Options{Name: "Example", Origin: origin, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name       string
		device     webauthn.VirtualAuthenticatorOptions
		deviceType string
		format     string // "" where the registration is refused
		refusal    error
	}{
		{"a security key", webauthn.VirtualAuthenticatorOptions{Protocol: "ctap2", Transport: "usb"}, ceremony.Any, "packed", nil},
		{"a security key of before", webauthn.VirtualAuthenticatorOptions{Protocol: "u2f", Transport: "usb"}, ceremony.Any, "fido-u2f", nil},
		{"a built-in one", webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
		}, ceremony.Enclave, "packed", nil},
		{"a synced passkey for any", webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
			DefaultBackupEligibility: true, DefaultBackupState: true,
		}, ceremony.Any, "packed", nil},
		{"a synced passkey for an enclave", webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
			DefaultBackupEligibility: true,
		}, ceremony.Enclave, "", ceremony.ErrSyncedPasskey},
	} {
		t.Run(tc.name, func(t *testing.T) { // one browser: one after the other
			tc.device.AutomaticPresenceSimulation = true
			device, err := chromedp.Call(tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &tc.device})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_, _ = chromedp.Call(tab, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams(device))
			}()
			c, err := p.CreationOptions(alice, tc.deviceType, challenge, nil, ceremony.VerificationPreferred)
			if err != nil {
				t.Fatal(err)
			}
			r, err := p.VerifyRegistration(c, ask(t, tab, "create", "parseCreationOptionsFromJSON", c))
			if tc.refusal != nil {
				isError(t, err, tc.refusal)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Format != tc.format || r.UserVerified != tc.device.IsUserVerified || r.BackupEligible != tc.device.DefaultBackupEligibility || r.Attachment == "" || r.Transports == nil {
				t.Errorf("registered %+v", r)
			}
			stored := r.Credential()
			for range 2 {
				q, err := p.RequestOptions(alice.ID, []ceremony.Credential{stored}, challenge, ceremony.VerificationPreferred)
				if err != nil {
					t.Fatal(err)
				}
				a, err := p.VerifyAssertion(q, stored, ask(t, tab, "get", "parseRequestOptionsFromJSON", q))
				if err != nil || a.CounterWentBack {
					t.Fatalf("%+v, %v", a, err)
				}
				stored.SignCount = a.SignCount
			}
		})
	}
}
