package pages

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

const promptURL = "https://payroll.analytical.example/.pomerium/webauthn?pomerium_device_type=any&pomerium_signature=a%2Bb"

func TestAProgramIsToldWhereToShowADevice(t *testing.T) {
	t.Parallel()
	p := newPages()
	needed := Problem{Kind: DeviceNeeded, RequestID: sampleID, Person: ada.Email, Reasons: []string{"device-unauthenticated"},
		Device: DeviceProblem{Type: "any", URL: promptURL}}
	verified := needed
	verified.Device.Type, verified.Device.Verification = "enclave_only", true
	stranger, astray := needed, needed
	stranger.Person = ""
	astray.Device.URL = "javascript:alert(1)"
	for _, tc := range []struct {
		name      string
		problem   Problem
		challenge string
		members   map[string]any // of the object
	}{
		{"any device", needed, `WebAuthn device_type="any", uri="` + promptURL + `"`,
			map[string]any{"device_type": "any", "device_url": promptURL}},
		{"a verified one", verified, `WebAuthn device_type="enclave_only", uri="` + promptURL + `", user_verification="required"`,
			map[string]any{"device_type": "enclave_only", "device_url": promptURL, "user_verification": "required"}},
		{"a stranger learns nothing", stranger, `WebAuthn device_type="any"`, map[string]any{}},
		{"an address that leads astray is left out", astray, `WebAuthn device_type="any"`, map[string]any{"device_type": "any"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, format := range []Format{HTML, JSON, Plain, Kubernetes} {
				a := p.Error(asked[format], tc.problem)
				if got := a.Header.Get("Www-Authenticate"); a.Status != 401 || got != tc.challenge {
					t.Errorf("as %v: %d, %s", format, a.Status, got)
				}
				body := html.UnescapeString(string(a.Body))
				if format == Kubernetes || format == JSON {
					body = strings.ReplaceAll(body, `\u0026`, "&")
				}
				if _, told := tc.members["device_url"]; strings.Contains(body, promptURL) != told {
					t.Errorf("as %v, the address: %s", format, body)
				}
			}
			object := map[string]any{}
			if err := json.Unmarshal(p.Error(asked[JSON], tc.problem).Body, &object); err != nil {
				t.Fatal(err)
			}
			got := map[string]any{}
			for _, name := range []string{"device_type", "device_url", "user_verification", "devices"} {
				if v, ok := object[name]; ok {
					got[name] = v
				}
			}
			if diff := cmp.Diff(tc.members, got); diff != "" || object["kind"] != "device_needed" {
				t.Errorf("%v (-want +got):\n%s", object["kind"], diff)
			}
			if a := p.Error(asked[GRPC], tc.problem); a.Header.Get("Grpc-Status") != "16" {
				t.Errorf("gRPC: %v", a.Header)
			}
		})
	}
}

func TestWhatToDoAboutADeviceThatWillNotDo(t *testing.T) {
	t.Parallel()
	p := newPages()
	all := sampleDevices()
	approved, waiting := all[0], all[1]
	for _, tc := range []struct {
		name   string
		device DeviceProblem
		says   string
		ids    []string // in their order
	}{
		{"it waits for approval", DeviceProblem{Approval: true, Shown: []DeviceRow{waiting}}, words["error.device.waits"], []string{waiting.ID}},
		{"the rule asks for no approval", DeviceProblem{Shown: []DeviceRow{waiting}}, words["error.device.hand"], []string{waiting.ID}},
		{"approved, and still not the right one", DeviceProblem{Approval: true, Shown: []DeviceRow{waiting, approved}}, words["error.device.hand"], []string{approved.ID, waiting.ID}},
		{"nothing was shown", DeviceProblem{}, problems[DeviceNotAllowed].next, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.device.Type, tc.device.URL = "any", promptURL
			e := Problem{Kind: DeviceNotAllowed, RequestID: sampleID, Person: ada.Email, Reasons: []string{"device-unauthorized"}, Device: tc.device}
			for _, format := range []Format{HTML, JSON, Plain, Kubernetes} {
				a := p.Error(asked[format], e)
				body := strings.ReplaceAll(html.UnescapeString(string(a.Body)), `\u0026`, "&")
				if a.Status != StatusDeviceNotAllowed || !strings.Contains(body, tc.says) || !strings.Contains(body, promptURL) {
					t.Errorf("as %v: %d %s", format, a.Status, body)
				}
				last := -1
				for _, id := range tc.ids {
					at := strings.Index(body, id)
					if at <= last {
						t.Errorf("as %v: %s is missing, or out of its order: %s", format, id, body)
					}
					last = at
				}
			}
			page := string(p.Error(asked[HTML], e).Body)
			for _, id := range tc.ids {
				if !strings.Contains(page, `data-copy="device-`+id+`"`) {
					t.Errorf("no button copies %s", id)
				}
			}
			// Who is nobody reads nothing of all that.
			e.Person = ""
			for _, format := range []Format{HTML, JSON, Plain, Kubernetes} {
				body := string(p.Error(asked[format], e).Body)
				for _, secret := range append(tc.ids, "pomerium_signature", waiting.Name) {
					if strings.Contains(body, secret) {
						t.Errorf("a stranger reads %q as %v", secret, format)
					}
				}
			}
		})
	}
}

// The block of data is what drivers of the page look for.
func TestTheSessionsPageHasItsData(t *testing.T) {
	t.Parallel()
	data := func(v WhoAmI) (out whoAmIData, found bool) {
		_, rest, found := strings.Cut(string(newPages().WhoAmI(v).Body), `<script type="application/json" id="session-data">`)
		if !found {
			return out, false
		}
		text, _, _ := strings.Cut(rest, "</script>")
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return out, true
	}
	got, _ := data(sampleWhoAmI())
	want := whoAmIData{WebAuthnURL: "https://grafana.analytical.example/.pomerium/webauthn"}
	for _, d := range sampleDevices() {
		want.DeviceCredentialIDs = append(want.DeviceCredentialIDs, d.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if got, found := data(WhoAmI{Frame: sampleFrame()}); !found || got.DeviceCredentialIDs == nil || len(got.DeviceCredentialIDs) != 0 {
		t.Errorf("without a device: %v %+v", found, got)
	}
	if _, found := data(WhoAmI{WebAuthnURL: "/.pomerium/webauthn", Devices: sampleDevices()}); found {
		t.Error("nobody has data")
	}
}
