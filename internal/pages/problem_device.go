package pages

import (
	"slices"
	"strings"
)

// A DeviceProblem is what DeviceNeeded and DeviceNotAllowed tell of devices:
// which is asked for and where to show it, and which have been shown.
type DeviceProblem struct {
	Type         string // that is asked for, as policies name it
	Verification bool   // it is to show itself with PIN or biometry
	URL          string // where to show it, or to register one; "" leaves it out
	// Shown are the devices that have shown themselves in this session.
	Shown []DeviceRow
	// Approval says that the rule takes approved devices only.
	Approval bool
}

// deviceBudget bounds the devices of a page, in bytes of HTML, and deviceCost is
// what one has besides its name and model.
const (
	deviceBudget = 6 << 10
	deviceCost   = 1100
)

// affordableRows returns as many of rows, from the first on, as a page can bear,
// and their bytes of HTML.
func affordableRows(rows []DeviceRow) (some []DeviceRow, bytes int) {
	for i, r := range rows {
		one := cost(line(r.Name)) + cost(line(r.Model)) + deviceCost
		if bytes+one > deviceBudget {
			return rows[:i], bytes
		}
		bytes += one
	}
	return rows, bytes
}

// shown are the devices that an error names, the last to show itself first.
func (d DeviceProblem) shown() []DeviceRow {
	rows := slices.Clone(d.Shown)
	slices.Reverse(rows)
	rows, _ = affordableRows(rows)
	return rows
}

// waits reports whether approval is all that is known to be missing.
func (d DeviceProblem) waits() bool {
	return d.Approval && len(d.Shown) > 0 && !slices.ContainsFunc(d.Shown, func(r DeviceRow) bool { return r.Approved })
}

// advice is what to do about the devices that were shown and will not do, ""
// where there is none.
func (d DeviceProblem) advice() string {
	switch {
	case len(d.Shown) == 0:
		return ""
	case d.waits():
		return say("error.device.waits")
	}
	return say("error.device.hand")
}

// deviceAction is the step that leads to a device; the zero value where nothing does.
func (e Problem) deviceAction() Action {
	u := href(e.Device.URL)
	switch {
	case u == "":
	case e.Kind == DeviceNeeded:
		return Action{say("error.device.show"), u}
	case e.Kind == DeviceNotAllowed:
		return Action{say("error.device.another"), u}
	}
	return Action{}
}

// challenge is the WWW-Authenticate header by which a program learns what to
// have its person do (RFC 9110, section 11.6.1). The address is a URL of ours,
// which has no character that would end the text.
func (d DeviceProblem) challenge() string {
	var b strings.Builder
	b.WriteString(`WebAuthn device_type="` + d.typ() + `"`)
	if u := href(d.URL); u != "" && !strings.ContainsAny(u, `"\`) {
		b.WriteString(`, uri="` + u + `"`)
	}
	if d.Verification {
		b.WriteString(`, user_verification="` + verificationRequired + `"`)
	}
	return b.String()
}

const verificationRequired = "required"

// typ is the type asked for in the one form that a header may hold.
func (d DeviceProblem) typ() string {
	if d.Type == "enclave_only" {
		return d.Type
	}
	return "any"
}

// A deviceObject is a device as a program reads it.
type deviceObject struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Approved bool   `json:"approved"`
}

// fill adds the members that are about devices.
func (o *problemObject) fill(e Problem) {
	if e.Kind != DeviceNeeded && e.Kind != DeviceNotAllowed || e.Device.Type == "" {
		return
	}
	o.DeviceType, o.DeviceURL = e.Device.typ(), href(e.Device.URL)
	if e.Device.Verification {
		o.UserVerification = verificationRequired
	}
	for _, r := range e.Device.shown() {
		o.Devices = append(o.Devices, deviceObject{line(r.ID), line(r.Name), r.Approved})
	}
}

// deviceLines are those of a terminal, each with its name.
func (e Problem) deviceLines() (lines []string) {
	if a := e.deviceAction(); a.URL != "" {
		lines = append(lines, a.Label+": "+a.URL)
	}
	for _, r := range e.Device.shown() {
		state := say("whoami.waiting")
		if r.Approved {
			state = say("whoami.approved")
		}
		lines = append(lines, say("device.id")+": "+line(r.ID)+" ("+line(r.Name)+", "+state+")")
	}
	return lines
}
