package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
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
	shown := func(d Device, ago time.Duration, verified bool) Device {
		d.ShownAt, d.UserVerified = modelBase.Add(-ago), verified
		return d
	}
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
		{"another device", "device: {is: other}", both, false, reasons(no), Deny, DeviceAny},
		{"an approved device", "device: {approved: true}", both, true, reasons(ok), Allow, ""},
		{"no approved device", "device: {approved: true}", with(laptop), false, reasons(no), Deny, DeviceAny},
		{"a device that is not approved", "device: {approved: false}", both, true, reasons(ok), Allow, ""},
		{"no device that is not approved", "device: {approved: false}", with(key), false, reasons(no), Deny, DeviceAny},
		{"all of one device", "device: {is: laptop, approved: false, type: enclave_only}", both, true, reasons(ok), Allow, ""},
		{"not some of one and some of another", "device: {is: laptop, approved: true}", both, false, reasons(no), Deny, DeviceAny},
		{"nor the type of another", "device: {is: key, type: enclave_only}", both, false, reasons(no), Deny, DeviceEnclave},
		{"no device", "device: {is: key}", none, false, reasons(missing), DeviceNeeded, DeviceAny},
		{"no device, for one that is not approved", "device: {approved: false}", none, false, reasons(missing), DeviceNeeded, DeviceAny},
		{"a device of just now", "device: {within: 5m}", with(shown(key, 0, false)), true, reasons(ok), Allow, ""},
		{"a device of less than so long ago", "device: {within: 5m}", with(shown(key, 5*time.Minute-time.Millisecond, false)), true, reasons(ok), Allow, ""},
		{"a device of so long ago is asked for again", "device: {within: 5m}", with(shown(key, 5*time.Minute, false)), false, reasons(missing), DeviceNeeded, DeviceAny},
		{"even a device that would not do", "device: {is: other, within: 5m}", with(shown(key, time.Hour, false)), false, reasons(missing), DeviceNeeded, DeviceAny},
		{"a device of an unknown time", "device: {within: 5m}", with(key), false, reasons(missing), DeviceNeeded, DeviceAny},
		{"as far ahead as clocks differ", "device: {within: 5m}", with(shown(key, -2*time.Minute, false)), true, reasons(ok), Allow, ""},
		{"further ahead", "device: {within: 5m}", with(shown(key, -2*time.Minute-time.Millisecond, false)), false, reasons(missing), DeviceNeeded, DeviceAny},
		{"a device of now, and the right one of long ago", "device: {approved: true, within: 5m}", with(shown(key, time.Hour, false), shown(laptop, 0, false)), false, reasons(no), Deny, DeviceAny},
		{"the right one of now, and another of long ago", "device: {approved: true, within: 5m}", with(shown(key, 0, false), shown(laptop, time.Hour, false)), true, reasons(ok), Allow, ""},
		{"an enclave of long ago, and another of now", "device: {type: enclave_only, within: 5m}", with(shown(laptop, time.Hour, false), shown(key, 0, false)), false, reasons(missing), DeviceNeeded, DeviceEnclave},
		{"a verified device", "device: {user_verified: true}", with(shown(key, 0, true)), true, reasons(ok), Allow, ""},
		{"a verified device of an unknown time", "device: {user_verified: true}", with(Device{ID: "x", Type: DeviceAny, UserVerified: true}), true, reasons(ok), Allow, ""},
		{"a device that is not verified", "device: {user_verified: true}", with(shown(key, 0, false)), false, reasons(missing), DeviceNeeded, DeviceAny},
		{"all at once", "device: {is: key, approved: true, within: 5m, user_verified: true}", with(shown(key, 0, true)), true, reasons(ok), Allow, ""},
		{"verified, and another", "device: {is: key, user_verified: true}", with(shown(laptop, 0, true), shown(key, 0, false)), false, reasons(no), Deny, DeviceAny},
		{"a stranger signs in", "device: true", Facts{Request: get()}, false, reasons(nobody), SignIn, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.facts.Now = modelBase
			d := program(t, "allow: {or: [{"+tc.ppl+"}]}").Decide(t.Context(), tc.facts)
			if d.Err != nil || d.Allow != tc.truth || !slices.Equal(d.AllowReasons, tc.reasons) || d.Outcome != tc.outcome || d.DeviceType != tc.typ {
				t.Errorf("%s is %+v, want %v %v, %v, %q", tc.ppl, d, tc.truth, tc.reasons, tc.outcome, tc.typ)
			}
		})
	}
	const where = "policy.allow.or[0].device"
	runBad(t, []badCase{
		{"false", "allow: {or: [{device: false}]}", "1:23: " + where + ": want true, or an object of is, approved, type, within, user_verified"},
		{"null", "allow: {or: [{device: }]}", "1:23: " + where + ": want true, or an object of is, approved, type, within, user_verified"},
		{"a text", "allow: {or: [{device: key}]}", "1:23: " + where + ": want true, or an object of is, approved, type, within, user_verified"},
		{"a list", "allow: {or: [{device: [key]}]}", "1:23: " + where + ": want true, or an object of is, approved, type, within, user_verified"},
		{"an empty id", "allow: {or: [{device: {is: ''}}]}", "1:28: " + where + ".is: want a string that is not empty, or a list of them"},
		{"a number for an id", "allow: {or: [{device: {is: 1}}]}", "1:28: " + where + ".is: want a string: put it in quotes, or a list of them"},
		{"no ids", "allow: {or: [{device: {is: []}}]}", "1:28: " + where + ".is: want a list of at least one string"},
		{"a text for approved", "allow: {or: [{device: {approved: 'true'}}]}", "1:34: " + where + ".approved: want true or false"},
		{"null for approved", "allow: {or: [{device: {approved: }}]}", "1:34: " + where + ".approved: want true or false"},
		{"an unknown type", "allow: {or: [{device: {type: phone}}]}", "1:30: " + where + ".type: want any or enclave_only"},
		{"a list of types", "allow: {or: [{device: {type: [any]}}]}", "1:30: " + where + ".type: want any or enclave_only"},
		{"an unknown key", "allow: {or: [{device: {id: key}}]}", `1:24: ` + where + `: unknown key "id" (did you mean "is"?), want one of is, approved, type, within, user_verified`},
		{"a number for within", "allow: {or: [{device: {within: 5}}]}", "1:32: " + where + ".within: want " + wantAge},
		{"within no time", "allow: {or: [{device: {within: 0s}}]}", "1:32: " + where + ".within: want " + wantAge},
		{"null for within", "allow: {or: [{device: {within: }}]}", "1:32: " + where + ".within: want " + wantAge},
		{"not verified", "allow: {or: [{device: {user_verified: false}}]}", "1:39: " + where + ".user_verified: want true, or no such key"},
		{"a text for verified", "allow: {or: [{device: {user_verified: 'true'}}]}", "1:39: " + where + ".user_verified: want true, or no such key"},
		{"a list for verified", "allow: {or: [{device: {user_verified: [true]}}]}", "1:39: " + where + ".user_verified: want true, or no such key"},
	})
}

// Time alone makes a device be asked for again, at that moment and not before,
// and the clock is read only where it matters.
func TestADeviceIsAskedForAgain(t *testing.T) {
	t.Parallel()
	p := ada()
	p.Devices = []Device{
		{ID: "old", Type: DeviceAny, ShownAt: modelBase.Add(-time.Hour)},
		{ID: "key", Type: DeviceAny, ShownAt: modelBase},
		{ID: "ahead", Type: DeviceAny, ShownAt: modelBase.Add(time.Hour)},
		{ID: "unknown", Type: DeviceAny},
	}
	f := signedIn(p)
	program := program(t, "allow: {or: [{device: {is: key, within: 5m}}]}")
	for _, tc := range []struct {
		now, until time.Duration // from modelBase
		want       Outcome
	}{
		{0, 5 * time.Minute, Allow},
		{5*time.Minute - time.Millisecond, 5 * time.Minute, Allow},
		{5 * time.Minute, 58 * time.Minute, DeviceNeeded},
		{58 * time.Minute, 65 * time.Minute, Deny}, // another is shown by now
		{65 * time.Minute, 0, DeviceNeeded},
		{0, 5 * time.Minute, Allow},
	} {
		f.Now = modelBase.Add(tc.now)
		until := time.Time{}
		if tc.until != 0 {
			until = modelBase.Add(tc.until)
		}
		if d := program.Decide(t.Context(), f); d.Outcome != tc.want || !d.Until.Equal(until) || !d.Reusable {
			t.Errorf("after %v: %v until %v, want %v until %v", tc.now, d.Outcome, d.Until, tc.want, until)
		}
	}
	if !program.Reads().Clock {
		t.Error("a policy with within does not read the clock")
	}
	timeless := document(t, "allow: {or: [{device: {is: key, approved: true, user_verified: true}}]}")
	if q, err := Compile(t.Context(), Source{Documents: []*Document{timeless}}); err != nil || q.Reads().Clock {
		t.Errorf("a policy without within reads the clock: %v, %v", q.Reads(), err)
	}
}

// A device that was not shown gets nobody past a rule that shows of it could
// not be passed.
func TestNoDeviceIsNoWayAroundARule(t *testing.T) {
	t.Parallel()
	stolen, other := ada(), ada()
	stolen.Devices = []Device{{ID: "stolen", Type: DeviceAny, ShownAt: modelBase, UserVerified: true}}
	other.Devices = []Device{{ID: "other", Type: DeviceAny, ShownAt: modelBase, UserVerified: true}}
	old, touched := ada(), ada()
	old.Devices = []Device{{ID: "stolen", Type: DeviceAny, ShownAt: modelBase.Add(-time.Hour), UserVerified: true}}
	touched.Devices = []Device{{ID: "other", Type: DeviceAny, ShownAt: modelBase}}
	for _, ppl := range []string{
		"{allow: {or: [{accept: }]}, deny: {or: [{device: {is: stolen}}]}}",
		"{allow: {or: [{accept: }]}, deny: {and: [{device: {is: stolen}}, {domain: example.com}]}}",
		"{allow: {or: [{accept: }]}, deny: {nor: [{device: {is: other}}, {domain: example.com}]}}",
		"allow: {not: [{device: {is: stolen}}]}",
		"allow: {nor: [{device: {is: stolen}}, {domain: example.com}]}",
		"{allow: {or: [{accept: }]}, deny: {or: [{device: {is: stolen, within: 5m, user_verified: true}}]}}",
		"allow: {not: [{device: {is: stolen, within: 5m, user_verified: true}}]}",
		"allow: {nor: [{device: {is: stolen, within: 5m, user_verified: true}}, {domain: example.com}]}",
	} {
		p := program(t, ppl)
		// Waiting, or not proving who one is, is no way around it either.
		if strings.Contains(ppl, "within") {
			for name, who := range map[string]PersonData{"old": old, "touched": touched} {
				f := signedIn(who)
				f.Now = modelBase
				if d := p.Decide(t.Context(), f); d.Outcome != DeviceNeeded || !d.DeviceVerify {
					t.Errorf("%s, %s: %+v, want %v", ppl, name, d, DeviceNeeded)
				}
			}
		}
		for _, tc := range []struct {
			name  string
			facts Facts
			want  Outcome
		}{{"stolen", signedIn(stolen), Deny}, {"other", signedIn(other), Allow}, {"none", signedIn(ada()), DeviceNeeded}, {"nobody", Facts{Request: get()}, SignIn}} {
			tc.facts.Now = modelBase
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

func TestWhatElseIsAskedOfADevice(t *testing.T) {
	t.Parallel()
	for ppl, want := range map[string][2]bool{ // verification, approval
		"allow: {or: [{device: true}]}":                                                            {false, false},
		"allow: {or: [{device: {approved: false}}]}":                                               {false, false},
		"allow: {or: [{device: {approved: true}}]}":                                                {false, true},
		"allow: {and: [{device: {user_verified: true}}, {device: true}]}":                          {true, false},
		"{allow: {and: [{device: true}]}, deny: {nor: [{device: {approved: true}}]}}":              {false, true},
		"{allow: {or: [{domain: example.com}]}, deny: {or: [{reject: }, {device: {is: stolen}}]}}": {false, false},
	} {
		for _, devices := range [][]Device{nil, {{ID: "key", Type: DeviceAny, UserVerified: true}}} {
			p := ada()
			p.Devices = devices
			d := program(t, ppl).Decide(t.Context(), signedIn(p))
			if got := [2]bool{d.DeviceVerify, d.DeviceApproval}; d.Outcome != Allow && got != want {
				t.Errorf("%s asks %v, want %v", ppl, got, want)
			}
		}
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
