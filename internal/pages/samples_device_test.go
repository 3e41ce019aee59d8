package pages

import "time"

func sampleDevices() []DeviceRow {
	return []DeviceRow{
		{ID: "k7w2m4q6s5t3v5x7z2b4d6f2ha", Name: "Ada's ThinkPad", Enclave: true, Model: "Windows Hello", Attested: true, Approved: true,
			EnrolledAt: sampleNow.Add(-40 * 24 * time.Hour), LastUsedAt: sampleNow.Add(-3 * time.Minute)},
		{ID: "a2c4e6g3i5k7m2o4q6s3u5w7ya", Name: "YubiKey 5C", Model: "YubiKey 5 Series",
			EnrolledAt: sampleNow.Add(-20 * time.Minute), LastUsedAt: sampleNow.Add(-20 * time.Minute)},
		{ID: "zz34567zz34567zz34567zz345", Name: "Old phone", Suspicious: true, Approved: true,
			EnrolledAt: sampleNow.Add(-400 * 24 * time.Hour), LastUsedAt: sampleNow.Add(-30 * time.Hour)},
	}
}

// sampleQuestion stands for what the browser is asked: the script reads it and
// does nothing with it before a button is pressed.
var sampleQuestion = map[string]any{"challenge": "Y2hhbGxlbmdl", "rp": map[string]any{"id": "login.analytical.example", "name": "Cardea"}}

// deviceSamples are the pages of devices in every state.
func deviceSamples(p *Pages) map[string]Answer {
	const self = "https://login.analytical.example/.pomerium/webauthn?pomerium_signature=opaque"
	ask := WebAuthn{
		Frame: sampleFrame(), App: "payroll.analytical.example", Devices: sampleDevices()[:2], SelfURL: self,
		CreationOptions: sampleQuestion, RequestOptions: sampleQuestion, BackURL: "https://payroll.analytical.example/.pomerium/",
	}
	first := ask
	first.Devices, first.RequestOptions, first.Enclave = nil, nil, true
	link := first
	link.App, link.Purpose, link.Enclave, link.BackURL = "", DeviceApproved, false, ""
	wanted := ask
	wanted.App, wanted.Purpose = "", DeviceWanted
	checked := ask
	checked.Verify = true
	failed := first
	failed.Failure = DeviceSynced
	return map[string]Answer{
		"webauthn-show":     p.WebAuthn(ask),
		"webauthn-register": p.WebAuthn(first),
		"webauthn-link":     p.WebAuthn(link),
		"webauthn-wanted":   p.WebAuthn(wanted),
		"webauthn-failed":   p.WebAuthn(failed),
		"webauthn-checked":  p.WebAuthn(checked),
		"devices": p.Devices(Devices{Frame: sampleFrame(), Devices: sampleDevices(), Action: "/.pomerium/devices",
			RegisterURL: "/.pomerium/webauthn?x", RegisterEnclaveURL: "/.pomerium/webauthn?y", Done: DeviceRenamed}),
		"devices-empty":    p.Devices(Devices{Frame: sampleFrame(), Action: "/.pomerium/devices", RegisterURL: "/.pomerium/webauthn?x"}),
		"devices-bad-name": p.Devices(Devices{Frame: sampleFrame(), Devices: sampleDevices(), Action: "/.pomerium/devices", BadName: sampleDevices()[1].ID}),
		"enrolled":         p.Enrolled(Enrolled{Frame: sampleFrame(), Device: sampleDevices()[1], NextURL: "/"}),
		"enrolled-approved": p.Enrolled(Enrolled{Frame: sampleFrame(), Device: sampleDevices()[0],
			NextURL: "https://payroll.analytical.example/"}),
		"enrolled-unknown": p.Enrolled(Enrolled{Frame: sampleFrame()}),
	}
}
