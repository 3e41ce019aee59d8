package pages

import (
	"net/http"
	"net/url"
	"time"
)

// WebAuthn is the page on which a person shows a device, or registers one. Its
// script runs the ceremony and posts the browser's answer to SelfURL: the field
// action is "register", with the answer in register_response, or
// "authenticate", with it in authenticate_response. Both are JSON.
type WebAuthn struct {
	Frame
	Purpose DevicePurpose
	Enclave bool   // only an authenticator that is part of the device will do
	Verify  bool   // it has to check that it is its owner
	App     string // host of the application that asks; "" for none
	Devices []DeviceRow

	SelfURL         string // signed
	CreationOptions any    // encodes as JSON; see the script
	RequestOptions  any    // the same; nil where there is no device to show
	Failure         DeviceFailure
	BackURL         string // where "not now" leads; "" leaves it out
}

// A DevicePurpose is what brings somebody to the page.
type DevicePurpose int

// The purposes.
const (
	DeviceAsked    DevicePurpose = iota // an application asks for a device
	DeviceWanted                        // the person wants to register one
	DeviceApproved                      // an administrator's link: it will be approved
)

// A DeviceFailure is why the page is shown again.
type DeviceFailure string

// The failures, each the key of its words.
const (
	NoDeviceFailure   DeviceFailure = ""
	DeviceUnreadable  DeviceFailure = "webauthn.failure.unreadable"   // the answer, or there was none
	DeviceStale       DeviceFailure = "webauthn.failure.stale"        // the question is too old, or was answered before
	DeviceKnown       DeviceFailure = "webauthn.failure.known"        // it is registered already
	DeviceForeign     DeviceFailure = "webauthn.failure.foreign"      // it is none of this person's, or not of the type asked for
	DeviceSynced      DeviceFailure = "webauthn.failure.synced"       // a passkey that leaves the device
	DeviceNotBuiltIn  DeviceFailure = "webauthn.failure.not_built_in" // a separate one
	DeviceNotAttested DeviceFailure = "webauthn.failure.not_attested" // its maker does not vouch for it, or another maker does
	DeviceNotVerified DeviceFailure = "webauthn.failure.not_verified" // without PIN or biometry
	DeviceNotAccepted DeviceFailure = "webauthn.failure.not_accepted" // anything else that is wrong with it
	DeviceTooMany     DeviceFailure = "webauthn.failure.too_many"
)

// A DeviceRow is a device as a page lists it.
type DeviceRow struct {
	ID         string
	Name       string
	Enclave    bool
	Model      string // "" where it is not known
	Attested   bool
	Approved   bool
	Suspicious bool // its signature counter went back
	EnrolledAt time.Time
	LastUsedAt time.Time
}

// ceremonyData is what the script reads, and other drivers of the page.
type ceremonyData struct {
	CreationOptions any    `json:"creationOptions"`
	RequestOptions  any    `json:"requestOptions,omitempty"`
	SelfURL         string `json:"selfUrl"`
}

type webAuthnView struct {
	WebAuthn
	Title, Lead string
	Error       string
	Data        ceremonyData
	Action      string // SelfURL as the path that it is here
	Show        bool   // a device can be shown
}

// WebAuthn renders the page: 200, and 400 with a failure.
func (p *Pages) WebAuthn(v WebAuthn) Answer {
	view := webAuthnView{
		WebAuthn: v, Show: v.RequestOptions != nil && v.Purpose == DeviceAsked,
		Data: ceremonyData{CreationOptions: v.CreationOptions, RequestOptions: v.RequestOptions, SelfURL: v.SelfURL},
	}
	if self, err := url.Parse(v.SelfURL); err == nil {
		view.Action = self.RequestURI()
	}
	view.Title, view.Lead = webAuthnWords(v, view.Show)
	status, tab := http.StatusOK, view.Title
	if v.Failure != NoDeviceFailure {
		status, view.Error = http.StatusBadRequest, say(string(v.Failure))
		tab = say("webauthn.failed") + tab // screen readers read the title first
	}
	return p.render(page{
		name: "webauthn", status: status, title: tab, view: view, frame: v.Frame, sheet: &p.device, script: true, ceremony: true,
		policy: policy{forms: true},
	})
}

func webAuthnWords(v WebAuthn, show bool) (title, lead string) {
	switch {
	case v.Purpose == DeviceApproved:
		return say("webauthn.register"), say("webauthn.approved.lead")
	case v.Purpose == DeviceWanted:
		return say("webauthn.register"), say("webauthn.wanted.lead")
	case show && v.App != "":
		return say("webauthn.show"), say("webauthn.show.lead.app", v.App)
	case show:
		return say("webauthn.show"), say("webauthn.show.lead")
	case v.Enclave && v.App != "":
		return say("webauthn.register"), say("webauthn.enclave.lead.app", v.App)
	case v.Enclave:
		return say("webauthn.register"), say("webauthn.enclave.lead")
	case v.App != "":
		return say("webauthn.register"), say("webauthn.register.lead.app", v.App)
	}
	return say("webauthn.register"), say("webauthn.register.lead")
}

// Devices is the page of one's devices on the sign-in host, the one place where
// they can be changed. Forms are posted to Action: action is "rename", with
// name, or "delete"; pomerium_device_credential_id says which.
type Devices struct {
	Frame
	Devices            []DeviceRow
	Action             string // path
	RegisterURL        string // "" leaves the button out
	RegisterEnclaveURL string // the same
	Done               DeviceDone
	BadName            string // id of the device whose new name cannot be one
}

// A DeviceDone is what has just been done to a device.
type DeviceDone string

// What has been done, each the key of its words.
const (
	DeviceNothing DeviceDone = ""
	DeviceRenamed DeviceDone = "devices.done.renamed"
	DeviceDeleted DeviceDone = "devices.done.deleted"
	DeviceAdded   DeviceDone = "devices.done.added"
)

type devicesView struct {
	Devices
	Notice string
}

// Devices renders the page: 200, and 400 where a name was refused.
func (p *Pages) Devices(v Devices) Answer {
	view, status := devicesView{Devices: v}, http.StatusOK
	if v.Done != DeviceNothing {
		view.Notice = say(string(v.Done))
	}
	if v.BadName != "" {
		status = http.StatusBadRequest
	}
	return p.render(page{
		name: "devices", status: status, title: say("devices.title"), view: view, frame: v.Frame, sheet: &p.device, script: true,
		policy: policy{forms: true},
	})
}

// Enrolled says that a device was registered, and whether it may be used yet.
type Enrolled struct {
	Frame
	Device  DeviceRow // zero where nothing is known of it
	NextURL string    // "" leaves the button out
}

// Enrolled renders the page.
func (p *Pages) Enrolled(v Enrolled) Answer {
	return p.render(page{
		name: "enrolled", status: http.StatusOK, title: say("enrolled.title"), view: v, frame: v.Frame, sheet: &p.device, script: true,
	})
}
