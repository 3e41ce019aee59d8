package pages

import (
	"maps"
	"time"
)

// sampleNow is the clock of all samples.
var sampleNow = time.Date(2026, 9, 2, 14, 5, 31, 0, time.UTC)

const sampleID = "7f3c1a52-90b4-4d3e-8a55-0d6f2c1be9a4"

var ada = Person{Name: "Ada Lovelace", Email: "ada@analytical.example", ID: "248289761001"}

func sampleFrame() Frame {
	return Frame{
		Person: ada, SessionURL: "/.pomerium/", RoutesURL: "/.pomerium/routes",
		SignOutURL: "/.pomerium/sign_out", RequestID: sampleID, Host: "grafana.analytical.example",
	}
}

func sampleWhoAmI() WhoAmI {
	return WhoAmI{
		Frame: sampleFrame(), SessionID: "3b0f6c1e-6b0a-4b53-9d1c-7a4c1e1f0f52", Provider: "Analytical sign-in",
		SignedInAt: sampleNow.Add(-187 * time.Minute), ExpiresAt: sampleNow.Add(653 * time.Minute),
		IdleUntil: sampleNow.Add(28 * time.Minute),
		Groups:    []string{"engineering", "on-call", "operations@analytical.example"},
		Claims: map[string]any{
			"iss": "https://id.analytical.example", "aud": []any{"cardea", "grafana"}, "sub": ada.ID,
			"email": ada.Email, "email_verified": true, "name": ada.Name, "locale": "en-GB",
			"iat": float64(sampleNow.Add(-187 * time.Minute).Unix()), "exp": float64(sampleNow.Add(653 * time.Minute).Unix()),
			"groups":  []any{"engineering", "on-call", "operations@analytical.example"},
			"at_hash": "MTIzNDU2Nzg5MGFiY2RlZg", "address": map[string]any{"country": "GB", "locality": "London"},
			"access_token": "a token that must not be seen",
		},
		Devices:     sampleDevices(),
		WebAuthnURL: "https://grafana.analytical.example/.pomerium/webauthn", DevicesURL: "https://login.analytical.example/.pomerium/devices",
		RequestsURL: "https://login.analytical.example/.pomerium/requests",
	}
}

func sampleRoutes() Routes {
	logo := "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCI+PGNpcmNsZSBjeD0iMTIiIGN5PSIxMiIgcj0iMTIiIGZpbGw9IiNlODdhMWUiLz48L3N2Zz4="
	return Routes{Frame: sampleFrame(), Routes: []Route{
		{Name: "Grafana", Description: "Dashboards and alerts of every service", URL: "https://grafana.analytical.example/", LogoURL: logo},
		{Name: "Verify", Description: "What an application receives", URL: "https://verify.localhost:8443"},
		{Name: "Wiki", URL: "https://wiki.analytical.example"},
		{Name: "Payroll", Description: "Only for administrators: salaries, contracts, bank details and the yearly statement", URL: "https://payroll.internal.analytical.example"},
		{URL: "https://git.analytical.example"},
		{Name: "Status", Description: "Is everything up?", URL: "https://status.analytical.example/overview"},
		{Name: "Tickets", Description: "Incidents and requests", URL: "https://tickets.analytical.example"},
		{Name: "Calculator", Description: "Difference engine no. 2", URL: "https://engine.analytical.example"},
		{Name: "Reporting database", Description: "PostgreSQL, read-only", URL: "tcp+https://db.analytical.example:5432", ConnectCommand: "cardea tcp db.analytical.example:5432 --listen 127.0.0.1:5432"},
		{Name: "Bastion", URL: "tcp+https://ssh.analytical.example:22", ConnectCommand: "ssh -o ProxyCommand='cardea tcp %h:%p --listen -' ada@ssh.analytical.example"},
	}}
}

func sampleReceived() Received {
	return Received{
		Person: ada, Verdict: Vouched, Method: "GET", Path: "/dashboards?from=now-6h", Host: "verify.localhost:8443",
		Protocol: "HTTP/1.1", Peer: "127.0.0.1", JSONURL: "/json", RequestID: sampleID,
		Checks: []Check{
			{"Signed identity", Passed, "ES256, key 5f2c…, issued to verify.localhost, good for 4 minutes more"},
			{"Session cookie removed", Passed, "none of 2 cookies is ours"},
			{"Cardea's authorization removed", Passed, ""},
		},
		Claims: map[string]any{
			"iss": "verify.localhost", "aud": "verify.localhost", "sub": ada.ID, "email": ada.Email,
			"groups": []any{"engineering", "on-call"}, "exp": float64(sampleNow.Add(4 * time.Minute).Unix()),
		},
		Identity: []Header{{"X-Pomerium-Jwt-Assertion", "a signed token, 742 characters, shown above"}, {"X-Pomerium-Claim-Email", ada.Email}},
		Standard: []Header{
			{"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
			{"Accept-Language", "en-GB,en;q=0.7"}, {"Cookie", "theme, _ga (values not shown)"},
			{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"},
		},
		Other: []Header{{"X-Forwarded-For", "127.0.0.1"}, {"X-Forwarded-Proto", "https"}, {"X-Request-Id", sampleID}},
	}
}

// samples are all pages as a person might meet them, by name.
func samples(p *Pages) map[string]Answer {
	nav := Request{SecFetchMode: "navigate", SecFetchDest: "document"}
	hidden := []Field{{"request", "opaque"}, {"csrf", "opaque"}}
	all := map[string]Answer{
		"whoami":           p.WhoAmI(sampleWhoAmI()),
		"whoami-empty":     p.WhoAmI(WhoAmI{Frame: Frame{Person: Person{Email: "new@analytical.example"}, RoutesURL: "/.pomerium/routes", SignOutURL: "/.pomerium/sign_out", SessionURL: "/.pomerium/", RequestID: sampleID}}),
		"whoami-nobody":    p.WhoAmI(WhoAmI{Frame: Frame{RequestID: sampleID, Host: "wiki.analytical.example"}, SignInURL: "/.pomerium/sign_in"}),
		"routes":           p.Routes(sampleRoutes()),
		"routes-empty":     p.Routes(Routes{Frame: sampleFrame()}),
		"routes-no-match":  p.Routes(Routes{Frame: sampleFrame(), Query: "payrol <x>", Routes: sampleRoutes().Routes[:2]}),
		"signin":           p.SignIn(SignIn{Action: "/local/login", Host: "grafana.analytical.example", Hidden: hidden}),
		"signin-wrong":     p.SignIn(SignIn{Action: "/local/login", Host: "grafana.analytical.example", Hidden: hidden, Email: ada.Email, Failure: Wrong, RequestID: sampleID}),
		"signin-throttled": p.SignIn(SignIn{Action: "/local/login", Hidden: hidden, Email: ada.Email, Failure: Throttled, Wait: 90 * time.Second}),
		"signin-stale":     p.SignIn(SignIn{Action: "/local/login", Hidden: hidden, Failure: Stale}),
		"signin-busy":      p.SignIn(SignIn{Action: "/local/login", Hidden: hidden, Failure: Busy, Wait: time.Second}),
		"signout":          p.SignOutConfirm(SignOutConfirm{Frame: sampleFrame(), Action: "/.pomerium/sign_out", Hidden: hidden, StayURL: "/.pomerium/", Everywhere: "/.pomerium/sign_out_everywhere"}),
		"console-list":     p.ConsoleList(sampleConsoleList()),
		"console-live":     p.ConsoleList(sampleConsoleLive()),
		"console-explain":  p.ConsoleExplain(sampleConsoleExplain()),
		"console-overview": p.ConsoleOverview(sampleConsoleOverview()),
		"console-replay":   p.ConsoleForm(sampleConsoleUpload()),
		"console-route":    p.ConsoleDetail(sampleConsoleRoute()),
		"console-empty":    p.ConsoleList(ConsoleList{Console: sampleConsole(), Title: "Sessions", Count: "0 sessions", Table: Table{Empty: "Nobody is signed in."}}),
		"console-detail":   p.ConsoleDetail(sampleConsoleDetail()),
		"console-form":     p.ConsoleForm(sampleConsoleForm()),
		"console-dialog":   p.ConsoleForm(sampleConsoleDialog()),
		"console-choice":   p.ConsoleList(sampleConsoleChoice()),
		"console-note":     p.ConsoleNote(ConsoleNote{Console: sampleConsole(), Status: 403, Tone: ToneDeny, Name: "Not allowed", Title: "Your role does not reach that far", Lead: "Your role is viewer.", Next: "Ask an administrator.", Action: Action{Label: "Start", URL: "/"}, Pairs: sampleConsoleDetail().Pairs}),
		"signedout":        p.SignedOut(SignedOut{SignInURL: "/.pomerium/"}),
		"redirect":         p.Redirect("https://grafana.analytical.example/d/1?x=1&y='2'"),
		"cookies":          p.CookiesOff(CookiesOff{Host: "grafana.analytical.example", RetryURL: "/", RequestID: sampleID}),
		"received":         p.Received(sampleReceived()),
		"error-denied": p.Error(nav, Problem{
			Kind: Denied, RequestID: sampleID, Host: "payroll.analytical.example", Person: ada.Email,
			Action: Action{"Use another account", "/.pomerium/sign_out"}, Other: Action{"See your session", "/.pomerium/"},
		}),
	}
	for name, e := range deniedSamples() {
		e.Kind, e.RequestID, e.Host, e.Person = Denied, sampleID, "payroll.analytical.example", ada.Email
		all["error-denied-"+name] = p.Error(nav, e)
	}
	maps.Copy(all, deviceSamples(p))
	maps.Copy(all, accessSamples(p))
	for name, d := range deviceProblems() {
		d.Type, d.URL = "any", "https://payroll.analytical.example/.pomerium/webauthn?pomerium_signature=opaque"
		kind := DeviceNotAllowed
		if name == "needed" {
			kind = DeviceNeeded
		}
		all["error-device-"+name] = p.Error(nav, Problem{
			Kind: kind, RequestID: sampleID, Host: "payroll.analytical.example", Person: ada.Email, Device: d,
			Reasons: []string{"device-unauthorized"}, Other: Action{"See your session", "/.pomerium/"},
		})
	}
	for kind := range problems {
		name := "error-" + string(kind)
		if kind == Internal {
			name = "error-internal"
		}
		if _, done := all[name]; !done {
			all[name] = p.Error(nav, Problem{Kind: kind, RequestID: sampleID, Host: "grafana.analytical.example", Retry: 5 * time.Second})
		}
	}
	return all
}

// deniedSamples are denials as reasons and notes make them.
func deniedSamples() map[string]Problem {
	away, other := SwitchAction("/.pomerium/sign_out"), Action{"See your session", "/.pomerium/"}
	return map[string]Problem{
		"groups":  {Reasons: []string{"groups-unauthorized"}, Action: away, Other: other},
		"stale":   {Reasons: []string{"signed-in-within-unauthorized"}, Action: SignInAgainAction("/.pomerium/sign_in"), Other: away},
		"note":    {Reasons: []string{"groups-unauthorized", "source-ip-unauthorized"}, Notes: []Note{sampleNote}, Action: away, Other: other},
		"short":   {Reasons: []string{"grant-unauthorized"}, Notes: []Note{{"on-call", "This opens for those who are **on call**.", ""}}, Action: other},
		"ask":     askSample(other),
		"details": {Reasons: []string{"groups-unauthorized", "date-unauthorized", "email-ok"}, Notes: []Note{sampleNote, {"office-hours", "", "Come back in the morning."}}, Details: true, Action: away, Other: other},
	}
}

// deviceProblems are what can be wrong with a device.
func deviceProblems() map[string]DeviceProblem {
	all := sampleDevices()
	return map[string]DeviceProblem{
		"needed":   {Verification: true},
		"waiting":  {Shown: all[1:2], Approval: true},
		"not-this": {Shown: all[:2], Approval: true},
		"any":      {Shown: all},
	}
}

// sampleNote is what a careful administrator writes.
var sampleNote = Note{
	Policy: "payroll-office",
	Explanation: "Payroll holds **salaries and bank details**, so only the people of `payroll-office` open it, " +
		"from the office network.\n\n> What was agreed with the works council in 2024 still holds.",
	Remediation: "1. Ask your manager to add you with the [access form](https://forms.analytical.example/access?to=payroll).\n" +
		"2. Wait until you get the mail; it takes *a working day*.\n" +
		"3. Sign out and in again, then open the tunnel:\n\n       cardea tcp payroll.analytical.example:443\n\n" +
		"#### In a hurry\n\nWrite to <payroll@analytical.example>.",
}
