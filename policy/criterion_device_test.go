package policy

import (
	"slices"
	"testing"
)

func TestDevice(t *testing.T) {
	t.Parallel()
	const ok, no, missing = "device-ok", "device-unauthorized", reasonDeviceUnauthenticated
	with := func(devices ...Device) Facts {
		p := ada()
		p.Devices = devices
		return signedIn(p)
	}
	key := Device{ID: "key", Type: DeviceAny, Approved: true}
	laptop := Device{ID: "laptop", Type: DeviceEnclave}
	none, both := with(), with(key, laptop)
	for _, tc := range []struct {
		name    string
		ppl     string
		facts   Facts
		truth   bool
		reasons []string
		outcome Outcome
		typ     string
	}{
		{"any device", "device: true", with(key), true, reasons(ok), Allow, ""},
		{"any device is an empty object too", "device: {}", with(key), true, reasons(ok), Allow, ""},
		{"an enclave is any device", "device: {type: any}", with(laptop), true, reasons(ok), Allow, ""},
		{"so is one of a type that nobody knows", "device: true", with(Device{ID: "x", Type: "other"}), true, reasons(ok), Allow, ""},
		{"an enclave", "device: {type: enclave_only}", with(laptop), true, reasons(ok), Allow, ""},
		{"any device is no enclave", "device: {type: enclave_only}", with(key), false, reasons(missing), DeviceNeeded, DeviceEnclave},
		{"the device", "device: {is: key}", with(key), true, reasons(ok), Allow, ""},
		{"one of several devices", "device: {is: [other, laptop]}", both, true, reasons(ok), Allow, ""},
		{"another device", "device: {is: other}", both, false, reasons(no), Deny, ""},
		{"an approved device", "device: {approved: true}", both, true, reasons(ok), Allow, ""},
		{"no approved device", "device: {approved: true}", with(laptop), false, reasons(no), Deny, ""},
		{"a device that is not approved", "device: {approved: false}", both, true, reasons(ok), Allow, ""},
		{"no device that is not approved", "device: {approved: false}", with(key), false, reasons(no), Deny, ""},
		{"all of one device", "device: {is: laptop, approved: false, type: enclave_only}", both, true, reasons(ok), Allow, ""},
		{"not some of one and some of another", "device: {is: laptop, approved: true}", both, false, reasons(no), Deny, ""},
		{"nor the type of another", "device: {is: key, type: enclave_only}", both, false, reasons(no), Deny, ""},
		{"no device", "device: {is: key}", none, false, reasons(missing), DeviceNeeded, DeviceAny},
		{"no device, for one that is not approved", "device: {approved: false}", none, false, reasons(missing), DeviceNeeded, DeviceAny},
		{"a stranger signs in", "device: true", Facts{Request: get()}, false, reasons(nobody), SignIn, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := program(t, "allow: {or: [{"+tc.ppl+"}]}").Decide(t.Context(), tc.facts)
			if d.Err != nil || d.Allow != tc.truth || !slices.Equal(d.AllowReasons, tc.reasons) || d.Outcome != tc.outcome || d.DeviceType != tc.typ {
				t.Errorf("%s is %+v, want %v %v, %v, %q", tc.ppl, d, tc.truth, tc.reasons, tc.outcome, tc.typ)
			}
		})
	}
	const where = "policy.allow.or[0].device"
	runBad(t, []badCase{
		{"false", "allow: {or: [{device: false}]}", "1:23: " + where + ": want true, or an object of is, approved, type"},
		{"null", "allow: {or: [{device: }]}", "1:23: " + where + ": want true, or an object of is, approved, type"},
		{"a text", "allow: {or: [{device: key}]}", "1:23: " + where + ": want true, or an object of is, approved, type"},
		{"a list", "allow: {or: [{device: [key]}]}", "1:23: " + where + ": want true, or an object of is, approved, type"},
		{"an empty id", "allow: {or: [{device: {is: ''}}]}", "1:28: " + where + ".is: want a string that is not empty, or a list of them"},
		{"a number for an id", "allow: {or: [{device: {is: 1}}]}", "1:28: " + where + ".is: want a string: put it in quotes, or a list of them"},
		{"no ids", "allow: {or: [{device: {is: []}}]}", "1:28: " + where + ".is: want a list of at least one string"},
		{"a text for approved", "allow: {or: [{device: {approved: 'true'}}]}", "1:34: " + where + ".approved: want true or false"},
		{"null for approved", "allow: {or: [{device: {approved: }}]}", "1:34: " + where + ".approved: want true or false"},
		{"an unknown type", "allow: {or: [{device: {type: phone}}]}", "1:30: " + where + ".type: want any or enclave_only"},
		{"a list of types", "allow: {or: [{device: {type: [any]}}]}", "1:30: " + where + ".type: want any or enclave_only"},
		{"an unknown key", "allow: {or: [{device: {id: key}}]}", `1:24: ` + where + `: unknown key "id" (did you mean "is"?), want one of is, approved, type`},
	})
}

// A device that was not shown gets nobody past a rule that shows of it could
// not be passed.
func TestNoDeviceIsNoWayAroundARule(t *testing.T) {
	t.Parallel()
	stolen, other := ada(), ada()
	stolen.Devices = []Device{{ID: "stolen", Type: DeviceAny}}
	other.Devices = []Device{{ID: "other", Type: DeviceAny}}
	for _, ppl := range []string{
		"{allow: {or: [{accept: }]}, deny: {or: [{device: {is: stolen}}]}}",
		"{allow: {or: [{accept: }]}, deny: {and: [{device: {is: stolen}}, {domain: example.com}]}}",
		"{allow: {or: [{accept: }]}, deny: {nor: [{device: {is: other}}, {domain: example.com}]}}",
		"allow: {not: [{device: {is: stolen}}]}",
		"allow: {nor: [{device: {is: stolen}}, {domain: example.com}]}",
	} {
		p := program(t, ppl)
		for _, tc := range []struct {
			name  string
			facts Facts
			want  Outcome
		}{{"stolen", signedIn(stolen), Deny}, {"other", signedIn(other), Allow}, {"none", signedIn(ada()), DeviceNeeded}, {"nobody", Facts{Request: get()}, SignIn}} {
			if d := p.Decide(t.Context(), tc.facts); d.Outcome != tc.want {
				t.Errorf("%s, %s: %+v, want %v", ppl, tc.name, d, tc.want)
			}
		}
	}
	// What somebody may do without any device they may do.
	p := program(t, "allow: {or: [{domain: example.com}], not: [{device: {is: stolen}}]}")
	if d := p.Decide(t.Context(), signedIn(ada())); d.Outcome != Allow {
		t.Errorf("Decide = %+v", d)
	}
}

func TestTheTypeOfDeviceToAskFor(t *testing.T) {
	t.Parallel()
	for ppl, want := range map[string]string{
		"allow: {or: [{device: true}]}":                                                             DeviceAny,
		"allow: {or: [{device: {type: enclave_only}}]}":                                             DeviceEnclave,
		"allow: {and: [{device: true}, {device: {type: enclave_only}}]}":                            DeviceEnclave,
		"{allow: {or: [{domain: example.com}]}, deny: {not: [{device: {type: enclave_only}}]}}":     DeviceEnclave,
		"{allow: {or: [{domain: example.com}]}, deny: {or: [{accept: }], not: [{domain: a.test}]}}": "",
	} {
		if d := program(t, ppl).Decide(t.Context(), signedIn(ada())); d.DeviceType != want {
			t.Errorf("%s asks for %q, want %q", ppl, d.DeviceType, want)
		}
	}
}
