package authorize

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/policy"
)

const (
	ruleStepUp = "allow: {and: [{device: {approved: true, within: 5m, user_verified: true}}]}"
	fetched    = "sec-fetch-mode"
)

// promptOf reads an address of ours as the route host does.
func (h *house) promptOf(raw, host string) handoff.Prompt {
	h.t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		h.t.Fatal(err)
	}
	if u.Scheme != "https" || u.Host != host || u.Path != "/.pomerium/webauthn" {
		h.t.Errorf("sent to %s, want the route's own host %s", raw, host)
	}
	p, err := h.handoff.ParsePrompt(u)
	if err != nil {
		h.t.Fatalf("the route host would refuse %s: %v", raw, err)
	}
	return p
}

// give enrolls a device of Alice's, which shows itself in her session.
func (h *house) give(d databroker.Device) {
	h.records.change(func() {
		alice := h.records.sessions["s-alice"].Clone()
		d.UserKey = alice.UserKey()
		h.records.devices[d.ID] = &d
		alice.Show(databroker.DeviceProof{DeviceID: d.ID, At: h.clock.now()})
		h.records.sessions["s-alice"] = alice
	})
}

func TestAPersonIsSentToShowADevice(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		rule string
		q    question
		want handoff.Prompt
	}{
		{"any device", ruleDevice, question{path: "/a%20b?x=1&y=%26"},
			handoff.Prompt{Type: "any", RedirectURI: "https://app.example:8443/a%20b?x=1&y=%26"}},
		{"one of a type, with verification", "allow: {or: [{device: {type: enclave_only, user_verified: true}}]}", question{path: "/"},
			handoff.Prompt{Type: "enclave_only", RedirectURI: "https://app.example:8443/", UserVerification: true}},
		{"a form goes back to its page", ruleDevice, question{method: "POST", path: "/save", headers: map[string]string{"referer": "https://app.example:8443/form"}},
			handoff.Prompt{Type: "any", RedirectURI: "https://app.example:8443/form"}},
		{"plain curl is taken for a person", ruleDevice, question{path: "/x", headers: map[string]string{"accept": "*/*", fetched: "", "sec-fetch-dest": ""}},
			handoff.Prompt{Type: "any", RedirectURI: "https://app.example:8443/x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, map[string]string{"app": tc.rule}, nil)
			tc.q.route, tc.q.host, tc.q.cookie = "app", "app.example:8443", h.cookie("s-alice", "app.example")
			got := h.ask(tc.q)
			if got.status != http.StatusFound || got.body != "" || got.headers["cache-control"] != "no-store" || got.headers["referrer-policy"] != "no-referrer" {
				t.Fatalf("%d %v: %s", got.status, got.headers, got.body)
			}
			if diff := cmp.Diff(tc.want, h.promptOf(got.headers["location"], tc.q.host)); diff != "" {
				t.Errorf("prompt (-want +got):\n%s", diff)
			}
			// A stranger signs in first, and learns of no device.
			tc.q.cookie = ""
			if in := h.signInOf(h.ask(tc.q)); in.RedirectURI != tc.want.RedirectURI {
				t.Errorf("a stranger comes back to %s", in.RedirectURI)
			}
		})
	}
}

// A program cannot show a device. It is told what to have its person do.
func TestAProgramIsChallengedForADevice(t *testing.T) {
	t.Parallel()
	const page = "https://app.example/dashboard?tab=2"
	const done = "https://app.example/.pomerium/device-enrolled"
	for _, tc := range []struct {
		name    string
		headers map[string]string
		handle  bool
		back    string
	}{
		{"a page's fetch leads back to the page", map[string]string{"accept": "*/*", fetched: "cors", "sec-fetch-dest": "empty", "referer": page}, false, page},
		{"also with XHR", map[string]string{"accept": "*/*", fetched: "", "sec-fetch-dest": "", "x-requested-with": "XMLHttpRequest", "referer": page}, false, page},
		{"another site's page is none to go back to", map[string]string{"accept": "*/*", fetched: "cors", "sec-fetch-dest": "empty", "referer": "https://evil.example/"}, false, done},
		{"a program with a handle", map[string]string{fetched: "", "sec-fetch-dest": "", "accept": "application/json"}, true, done},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, map[string]string{"app": ruleStepUp}, nil)
			q := question{route: "app", path: "/api/pay", headers: tc.headers, cookie: h.cookie("s-alice", "app.example")}
			if tc.handle {
				q.cookie, q.headers["authorization"] = "", "Bearer Pomerium-"+h.handle("s-alice", "app.example")
			}
			got := h.ask(q)
			var object struct {
				Kind             string `json:"kind"`
				DeviceType       string `json:"device_type"`
				DeviceURL        string `json:"device_url"`
				UserVerification string `json:"user_verification"`
			}
			if err := json.Unmarshal([]byte(got.body), &object); err != nil || got.status != 401 || got.headers["content-type"] != "application/problem+json" {
				t.Fatalf("%v: %d %v %s", err, got.status, got.headers, got.body)
			}
			want := handoff.Prompt{Type: "any", RedirectURI: tc.back, UserVerification: true}
			if p := h.promptOf(object.DeviceURL, "app.example"); p != want {
				t.Errorf("prompt %+v, want %+v", p, want)
			}
			if object.Kind != "device_needed" || object.DeviceType != "any" || object.UserVerification != "required" {
				t.Errorf("object %+v", object)
			}
			challenge := `WebAuthn device_type="any", uri="` + object.DeviceURL + `", user_verification="required"`
			if got.headers["www-authenticate"] != challenge {
				t.Errorf("challenge %s", got.headers["www-authenticate"])
			}
			h.give(databroker.Device{ID: "key", Type: "any", Approved: true})
			h.records.change(func() { h.records.sessions["s-alice"].Devices[0].UserVerified = true })
			h.allowed(q)
			h.clock.advance(5 * time.Minute)
			if got := h.ask(q); got.status != 401 {
				t.Errorf("five minutes later: %d", got.status)
			}
		})
	}
}

func TestGRPCAndKubernetesAreChallengedInTheirWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": ruleDevice}, nil)
	q := question{route: "app", method: "POST", cookie: h.cookie("s-alice", "app.example"), headers: map[string]string{"content-type": "application/grpc"}}
	got := h.ask(q)
	if got.status != 200 || got.headers["grpc-status"] != "16" || !strings.Contains(got.headers["grpc-message"], "webauthn") {
		t.Errorf("gRPC: %d %v", got.status, got.headers)
	}
	q.method, q.headers = "GET", map[string]string{"user-agent": "kubectl/v1 kubernetes/abc"}
	if got := h.ask(q); got.status != 401 || !strings.Contains(got.body, `"reason":"Unauthorized"`) || !strings.Contains(got.body, "https://app.example/.pomerium/webauthn?") {
		t.Errorf("Kubernetes: %d %s", got.status, got.body)
	}
}

func TestATunnelIsChallengedForADevice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": ruleDevice}, func(c *config.Config) {
		c.Routes[0].From.Scheme = "tcp+https"
		c.AuthenticateServiceURL.Host = "sign-in.example:8443"
	})
	got := h.ask(question{route: "app", method: "CONNECT", host: "10.0.0.7:22", headers: map[string]string{
		"authorization": "Bearer Pomerium-" + h.handle("s-alice", "app.example"), "accept": "application/json", fetched: "", "sec-fetch-dest": "",
	}})
	_, address, _ := strings.Cut(got.headers["www-authenticate"], `uri="`)
	want := handoff.Prompt{Type: "any", RedirectURI: "https://app.example:8443/.pomerium/device-enrolled"}
	if p := h.promptOf(strings.TrimSuffix(address, `"`), "app.example:8443"); got.status != 401 || p != want {
		t.Errorf("%d, prompt %+v", got.status, p)
	}
}

func TestADeviceThatWillNotDoIsShown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		rule string
		says string
	}{
		{"it waits for approval", ruleDevice, "It waits for an administrator"},
		{"another is asked for", "allow: {or: [{device: {is: other}}]}", "Give an administrator the device ID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, map[string]string{"app": tc.rule}, nil)
			h.give(databroker.Device{ID: "laptop-id", Type: "any", Name: "Alice's laptop"})
			h.records.change(func() { h.records.users[h.records.sessions["s-alice"].UserKey()].Email = "" }) // somebody all the same
			q := question{route: "app", path: "/x", cookie: h.cookie("s-alice", "app.example")}
			got := h.ask(q)
			if got.status != 450 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			for _, want := range []string{tc.says, "Alice&#39;s laptop", "laptop-id", `data-copy="device-laptop-id"`, "Waiting for approval", "https://app.example/.pomerium/webauthn?", "request-1"} {
				if !strings.Contains(got.body, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			q.headers = map[string]string{"accept": "application/json", fetched: "cors", "sec-fetch-dest": "empty"}
			got = h.ask(q)
			var object struct {
				DeviceURL string `json:"device_url"`
				Devices   []struct {
					ID       string
					Approved bool
				}
			}
			if err := json.Unmarshal([]byte(got.body), &object); err != nil || got.status != 450 || len(object.Devices) != 1 || object.Devices[0].ID != "laptop-id" {
				t.Errorf("%v: %d %s", err, got.status, got.body)
			}
			h.promptOf(object.DeviceURL, "app.example")
			// Nobody else sees it.
			q.cookie = ""
			if got := h.ask(q); got.status != 401 || strings.Contains(got.body, "laptop") || strings.Contains(got.body, "device") {
				t.Errorf("a stranger reads %d %s", got.status, got.body)
			}
		})
	}
}

func TestNoDeviceIsAskedOfNobody(t *testing.T) {
	t.Parallel()
	asked := policy.Decision{Outcome: policy.DeviceNeeded, AllowReasons: []string{"device-unauthenticated"}}
	for _, tc := range []struct {
		id   identity
		want outcome
	}{
		{identity{}, outcomeSignIn},
		{identity{standing: disabled}, outcomeDisabled},
		{identity{standing: uncertain}, outcomeFault},
		{identity{standing: known, person: &person{}}, outcomeDeviceNeeded},
	} {
		if got := judge(asked, tc.id).outcome; got != tc.want {
			t.Errorf("standing %d: %v, want %v", tc.id.standing, got, tc.want)
		}
	}
	h := newHouse(t, map[string]string{"app": ruleDevice}, func(c *config.Config) { c.AuthenticateServiceURL = config.URL{} })
	got := h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")})
	if got.status != 401 || got.headers["www-authenticate"] != `WebAuthn device_type="any"` {
		t.Errorf("without a sign-in host: %d %v", got.status, got.headers)
	}
}
