package authorize

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
)

// actingRules are the routes of these tests: what only Bob may open, and what only
// Alice may, who is an administrator.
var actingRules = map[string]string{
	"bobs": `{allow: {and: [{email: {is: bob@corp.example}}]}}`, "alices": `{allow: {and: [{email: {is: alice@corp.example}}]}}`,
	"both": `{allow: {or: [{domain: corp.example}]}}`, "device": ruleDevice, "grant": ruleGrant, "engineers": ruleEngineers,
	"fresh":   `{allow: {and: [{signed_in_within: 5m}]}}`,
	"console": `{allow: {or: [{domain: corp.example}]}}`,
}

// newStage returns a house in which Alice's session acts as Bob's. Its
// configuration consents.
func newStage(t *testing.T, change func(*config.Config)) *house {
	t.Helper()
	h := newHouse(t, actingRules, func(c *config.Config) {
		for _, r := range c.Routes {
			r.Console = r.ID == "console"
		}
		if change != nil {
			change(c)
		}
	})
	h.setTheStage(t)
	return h
}

func (h *house) setTheStage(t *testing.T) {
	t.Helper()
	h.config.Console.Impersonation = true
	h.admins = adminsOf(t, "alice@corp.example")
	h.apply()
	h.signIn("s-bob", "bob", "bob@corp.example", "engineers")
	h.act(func(*databroker.Impersonation) {})
}

// adminsOf makes administrators of the owners of addresses.
func adminsOf(t *testing.T, emails ...string) *policy.Program {
	t.Helper()
	return compiled(t, "{allow: {or: [{email: {in: ["+strings.Join(emails, ", ")+"]}}]}}")
}

func compiled(t *testing.T, rule string) *policy.Program {
	t.Helper()
	var n yaml.Node
	must(t, yaml.Unmarshal([]byte(rule), &n))
	doc, err := policy.ParseNode(&n)
	must(t, err)
	p, err := policy.Compile(t.Context(), policy.Source{Documents: []*policy.Document{doc}})
	must(t, err)
	return p
}

// act writes to Alice's session what change makes of acting as Bob for a quarter
// of an hour.
func (h *house) act(change func(*databroker.Impersonation)) {
	h.records.change(func() {
		bob, s := h.records.sessions["s-bob"], h.records.sessions["s-alice"].Clone()
		s.Impersonates = &databroker.Impersonation{
			SessionID: bob.ID, UserKey: bob.UserKey(), Until: h.clock.now().Add(15 * time.Minute), By: s.UserKey(),
		}
		change(s.Impersonates)
		h.records.sessions["s-alice"] = s
	})
}

// alter replaces Bob's or Alice's records.
func (h *house) alter(session string, change func(*databroker.Session, *databroker.User)) {
	h.records.change(func() {
		s := h.records.sessions[session].Clone()
		u := h.records.users[s.UserKey()].Clone()
		change(s, u)
		h.records.sessions[session], h.records.users[s.UserKey()] = s, u
	})
}

// opens asks for the start page of a route with Alice's cookie.
func (h *house) opens(route string) reply {
	return h.ask(question{route: route, cookie: h.cookie("s-alice", route+".example")})
}

func TestWhoAnAdministratorActsAs(t *testing.T) {
	t.Parallel()
	bob := func(change func(*databroker.Session, *databroker.User)) func(*testing.T, *house) {
		return func(_ *testing.T, h *house) { h.alter("s-bob", change) }
	}
	act := func(change func(*databroker.Impersonation)) func(*testing.T, *house) {
		return func(_ *testing.T, h *house) { h.act(change) }
	}
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *house)
		asBob  bool // else as herself
	}{
		{"everything is as it was", func(*testing.T, *house) {}, true},
		{"the configuration does not consent", func(_ *testing.T, h *house) { h.config.Console.Impersonation = false; h.apply() }, false},
		{"the configuration names no administrators", func(_ *testing.T, h *house) { h.admins = nil; h.apply() }, false},
		{"she is no administrator any more", func(t *testing.T, h *house) { h.admins = adminsOf(t, "carol@corp.example"); h.apply() }, false},
		{"he has become an administrator", func(t *testing.T, h *house) {
			h.admins = adminsOf(t, "alice@corp.example", "bob@corp.example")
			h.apply()
		}, false},
		{"he has signed out", func(_ *testing.T, h *house) { h.records.change(func() { delete(h.records.sessions, "s-bob") }) }, false},
		{"his session is over", bob(func(s *databroker.Session, _ *databroker.User) { s.ExpiresAt = testStart }), false},
		{"his session has become another person's", bob(func(s *databroker.Session, _ *databroker.User) { s.IDPID = "another" }), false},
		{"he is shut out", bob(func(_ *databroker.Session, u *databroker.User) { u.Disabled = true }), false},
		{"his account is removed", func(_ *testing.T, h *house) {
			h.records.change(func() { delete(h.records.users, h.records.sessions["s-bob"].UserKey()) })
		}, false},
		{"the time is nearly over", func(_ *testing.T, h *house) { h.clock.advance(15*time.Minute - time.Second) }, true},
		{"the time is over", func(_ *testing.T, h *house) { h.clock.advance(15 * time.Minute) }, false},
		{"longer than anything may set it", act(func(i *databroker.Impersonation) { i.Until = testStart.Add(2 * time.Hour) }), false},
		{"without an end", act(func(i *databroker.Impersonation) { i.Until = time.Time{} }), false},
		{"the session's owner is not who the record says", act(func(i *databroker.Impersonation) { i.UserKey = "provider/carol" }), false},
		{"somebody else began it", act(func(i *databroker.Impersonation) { i.By = "provider/carol" }), false},
		{"nobody began it", act(func(i *databroker.Impersonation) { i.By = "" }), false},
		{"her own session", act(func(i *databroker.Impersonation) { i.SessionID = "s-alice" }), false},
		{"herself", act(func(i *databroker.Impersonation) { i.UserKey = i.By }), false},
		{"no session", act(func(i *databroker.Impersonation) { i.SessionID = "" }), false},
		{"he acts as somebody himself", bob(func(s *databroker.Session, _ *databroker.User) {
			s.Impersonates = &databroker.Impersonation{SessionID: "s-carol", UserKey: "provider/carol", Until: testStart.Add(time.Hour)}
		}), false},
		{"he did, and that is over", bob(func(s *databroker.Session, _ *databroker.User) {
			s.Impersonates = &databroker.Impersonation{SessionID: "s-carol", UserKey: "provider/carol", Until: testStart}
		}), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newStage(t, nil)
			h.allowed(question{route: "bobs", cookie: h.cookie("s-alice", "bobs.example")})
			tc.change(t, h)
			if got := h.opens("bobs").allowed; got != tc.asBob {
				t.Errorf("what is Bob's: allowed %v", got)
			}
			if got := h.opens("alices").allowed; got == tc.asBob {
				t.Errorf("what is Alice's: allowed %v", got)
			}
		})
	}
}

// Nothing is written when it ends by itself: what comes back within the time
// brings it back.
func TestWhatComesBackBringsItBack(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(t *testing.T, h *house) (back func()){
		"consent": func(_ *testing.T, h *house) func() {
			h.config.Console.Impersonation = false
			return func() { h.config.Console.Impersonation = true }
		},
		"her role": func(t *testing.T, h *house) func() {
			h.admins = adminsOf(t, "carol@corp.example")
			return func() { h.admins = adminsOf(t, "alice@corp.example") }
		},
		"his account": func(_ *testing.T, h *house) func() {
			h.alter("s-bob", func(_ *databroker.Session, u *databroker.User) { u.Disabled = true })
			return func() { h.alter("s-bob", func(_ *databroker.Session, u *databroker.User) { u.Disabled = false }) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newStage(t, nil)
			back := away(t, h)
			h.apply()
			if h.opens("bobs").allowed || !h.opens("alices").allowed {
				t.Error("it goes on")
			}
			back()
			h.apply()
			if !h.opens("bobs").allowed {
				t.Error("it is not back")
			}
			back = away(t, h)
			h.clock.advance(15 * time.Minute)
			back()
			h.apply()
			if h.opens("bobs").allowed {
				t.Error("it is back after its time")
			}
		})
	}
}

// Void or over, it leaves the administrator signed in; where it cannot be known,
// nobody is let in.
func TestDoubtAboutWhoActsDenies(t *testing.T) {
	t.Parallel()
	h := newStage(t, nil)
	h.opens("bobs")
	h.records.change(func() { h.records.sessions["s-bob"] = h.records.sessions["s-bob"].Clone() }) // another version
	h.records.fault = errors.New("away")
	if got := h.opens("alices"); got.status != 503 {
		t.Errorf("status %d", got.status)
	}
}

func TestAnIdleSessionIsActedAsNoMore(t *testing.T) {
	t.Parallel()
	h := newStage(t, func(c *config.Config) { c.SessionIdleTimeout = 10 * time.Minute })
	h.clock.advance(9 * time.Minute)
	h.records.change(func() { h.records.access["s-alice"] = h.clock.now() })
	h.opens("bobs")
	h.clock.advance(time.Minute)
	if h.opens("bobs").allowed || !h.opens("alices").allowed {
		t.Error("she acts as somebody whose session has rested too long")
	}
	for _, id := range h.records.touched {
		if id != "s-alice" {
			t.Errorf("%s counts as used", id)
		}
	}
}

func TestWhatAStandInHasNot(t *testing.T) {
	t.Parallel()
	h := newStage(t, nil)
	h.alter("s-bob", func(s *databroker.Session, u *databroker.User) {
		s.Devices = []databroker.DeviceProof{{DeviceID: "laptop", At: testStart}}
		u.GrantIDs = []string{"g-1"}
		h.records.devices["laptop"] = &databroker.Device{ID: "laptop", UserKey: u.Key, Type: "any", Approved: true}
		h.records.grants["g-1"] = &databroker.Grant{ID: "g-1", UserKey: u.Key, Name: "deploy", ExpiresAt: testStart.Add(time.Hour)}
	})
	for _, route := range []string{"device", "grant"} {
		if got := h.ask(question{route: route, cookie: h.cookie("s-bob", route+".example")}); !got.allowed {
			t.Fatalf("Bob himself does not open %s", route)
		}
		got := h.opens(route)
		if got.allowed || got.status != 403 || strings.Contains(got.body, "webauthn") || strings.Contains(got.body, "/.pomerium/requests") {
			t.Errorf("%s: %d %s", route, got.status, got.body)
		}
		if !strings.Contains(got.body, "You act as this person") || strings.Count(got.body, ">See your session<") != 1 || strings.Contains(got.body, "sign_out") {
			t.Errorf("%s: she is told %s", route, got.body)
		}
	}
	h.clock.advance(6 * time.Minute)
	if got := h.opens("fresh"); got.status != 403 { // Bob would be asked to sign in again
		t.Errorf("an old sign-in: %d %v", got.status, got.headers)
	}
	h.alter("s-bob", func(_ *databroker.Session, u *databroker.User) { u.Groups = nil })
	if h.opens("engineers").allowed {
		t.Error("she has a group that he has lost")
	}
}

func TestWhereOneStaysOneself(t *testing.T) {
	t.Parallel()
	h := newStage(t, nil)
	h.config.Routes = append(h.config.Routes, &config.Route{
		ID: "sign-in", From: config.From{Scheme: "https", Host: "sign-in.example"}, Policy: h.config.Routes[0].Policy,
	})
	h.apply()
	k := &kept{}
	h.recorder = k
	if h.opens("console"); k.all[0].Person.Email != "alice@corp.example" || k.all[0].ImpersonatedBy != "" {
		t.Errorf("in the console she is %s", k.all[0].Person.Email)
	}
	h.opens("sign-in")
	h.ask(question{route: "both", path: "/.pomerium/anything", cookie: h.cookie("s-alice", "both.example")})
	for _, r := range k.all {
		if r.Person.Email != "alice@corp.example" || r.ImpersonatedBy != "" {
			t.Errorf("%s%s: she is %s", r.Request.Host, r.Request.Path, r.Person.Email)
		}
	}
	got := h.ask(question{route: "both", internal: true, path: "/.pomerium/user", cookie: h.cookie("s-alice", "both.example")})
	if claims := h.claimsOf(got.headers[headerAssertion]); claims["email"] != "alice@corp.example" || claims["act"] != nil {
		t.Errorf("on our own pages she is %v", claims)
	}
	asked, err := h.Asker(t.Context(), "s-alice")
	must(t, err)
	if asked.Email != "alice@corp.example" || asked.ActsAs == nil || asked.ActsAs.Email != "bob@corp.example" || !asked.ActsAs.Until.Equal(testStart.Add(15*time.Minute)) {
		t.Errorf("the console hears %+v", asked.ActsAs)
	}
}

func TestWhatAnUpstreamIsToldOfAStandIn(t *testing.T) {
	t.Parallel()
	h := newStage(t, func(c *config.Config) {
		c.JWTClaimsHeaders = config.ClaimHeaders{"X-Email": "email", "X-Act": "act", "X-Act-Sub": "act.sub", "X-Act-By": "/act/by"}
		for _, r := range c.Routes {
			r.SetRequestHeaders = map[string]string{"X-Token": "t=${pomerium.access_token}${pomerium.id_token}"}
		}
	})
	forge := func(s *databroker.Session, _ *databroker.User) {
		s.Claims = map[string]any{"act": map[string]any{"sub": "forged", "by": "forged"}, "act.sub": "forged"}
	}
	h.alter("s-bob", forge)
	got := h.opens("both")
	claims := h.claimsOf(got.headers[headerAssertion])
	for name, want := range map[string]any{"sub": "bob", "user": "bob", "sid": "s-bob", "email": "bob@corp.example"} {
		if claims[name] != want {
			t.Errorf("%s is %v", name, claims[name])
		}
	}
	if act, _ := claims["act"].(map[string]any); act["sub"] != "alice" || len(act) != 1 {
		t.Errorf("act is %v", claims["act"])
	}
	if got.headers["x-email"] != "bob@corp.example" || got.headers["x-act"] != `{"sub":"alice"}` || got.headers["x-token"] != "t=" ||
		got.headers["x-act-sub"] != "alice" || got.headers["x-act-by"] != "" || claims["act.sub"] != nil || claims["/act/by"] != nil {
		t.Errorf("headers %v, claims %v", got.headers, claims)
	}
	own := h.ask(question{route: "both", cookie: h.cookie("s-bob", "both.example")})
	if claims := h.claimsOf(own.headers[headerAssertion]); claims["act"] != nil || claims["act.sub"] != nil || own.headers["x-act"]+own.headers["x-act-sub"]+own.headers["x-act-by"] != "" {
		t.Errorf("Bob's provider says who acts: %v, %v", claims["act"], own.headers)
	}
	if !strings.Contains(own.headers["x-token"], "the-access-token") {
		t.Errorf("Bob's own headers: %v", own.headers)
	}
}

func TestLogAndRecordTellWhoActs(t *testing.T) {
	t.Parallel()
	h := newStage(t, nil)
	k := &kept{}
	h.recorder = k
	h.opens("bobs")
	h.config.AuthorizeLogFields = []string{"path"}
	h.apply()
	h.opens("alices")
	h.ask(question{route: "bobs", cookie: h.cookie("s-bob", "bobs.example")})
	lines := h.auditLines()
	var line map[string]any
	must(t, json.Unmarshal([]byte(lines[0]), &line))
	for name, want := range map[string]any{
		"user": "alice", "email": "alice@corp.example", "session-id": "s-alice", "impersonated-by": "alice@corp.example",
		"impersonate-user-id": "bob", "impersonate-email": "bob@corp.example", "impersonate-session-id": "s-bob", "outcome": "allow",
	} {
		if line[name] != want {
			t.Errorf("%s is %v, want %v", name, line[name], want)
		}
	}
	if !strings.Contains(lines[1], `"impersonated-by":"alice@corp.example"`) || strings.Contains(lines[2], "impersonate") {
		t.Errorf("lines:\n%s\n%s", lines[1], lines[2])
	}
	if k.all[0].Person.Email != "bob@corp.example" || k.all[0].ImpersonatedBy != "alice@corp.example" || k.all[2].ImpersonatedBy != "" {
		t.Errorf("recorded: %+v", k.all)
	}
}

// What a field of the record says is worth nothing without consent, whoever has
// written it.
func TestAttackPlantedImpersonation(t *testing.T) {
	t.Parallel()
	h := newStage(t, nil)
	h.config.Console.Impersonation = false
	h.apply()
	h.act(func(*databroker.Impersonation) {})
	if h.opens("bobs").allowed || !h.opens("alices").allowed {
		t.Error("it counts without consent")
	}
	h.config.Console.Impersonation = true
	h.apply()
	// Mallory has no role, and her session says the same as Alice's would.
	h.signIn("s-mallory", "mallory", "mallory@corp.example")
	h.alter("s-mallory", func(s *databroker.Session, u *databroker.User) {
		s.Impersonates = &databroker.Impersonation{SessionID: "s-bob", UserKey: h.records.sessions["s-bob"].UserKey(), Until: testStart.Add(time.Hour), By: u.Key}
	})
	if h.ask(question{route: "bobs", cookie: h.cookie("s-mallory", "bobs.example")}).allowed {
		t.Error("somebody without a role acts as another")
	}
}

// newActingKennel returns one in which Alice's session acts as Bob's for ten
// minutes. She is an administrator while her laptop is not lost.
func newActingKennel(t *testing.T) *kennel {
	t.Helper()
	k := newKennel(t, map[string]string{"app": ruleEngineers}, nil)
	k.setTheStage(t)
	k.admins = compiled(t, "{allow: {and: [{email: {is: alice@corp.example}}, {record: {type: laptop, key: user.email, field: lost, exists: false}}]}}")
	k.house.apply()
	bob := k.records.sessions["s-bob"].Clone()
	bob.Version, bob.IssuedAt, bob.ExpiresAt = 0, time.Now(), time.Now().Add(30*time.Minute)
	must(t, k.broker.client.PutSession(t.Context(), bob))
	must(t, k.broker.client.PutUser(t.Context(), k.records.users[bob.UserKey()]))
	k.changeAlice(t, func(s *databroker.Session) {
		s.Impersonates = &databroker.Impersonation{SessionID: "s-bob", UserKey: bob.UserKey(), Until: time.Now().Add(10 * time.Minute), By: s.UserKey()}
	})
	synctest.Wait()
	return k
}

func (k *kennel) changeAlice(t *testing.T, change func(*databroker.Session)) {
	t.Helper()
	s, err := k.broker.client.Session(t.Context(), "s-alice")
	must(t, err)
	s = s.Clone()
	change(s)
	must(t, k.broker.client.PutSession(t.Context(), s))
}

func TestStreamsOfAStandInEnd(t *testing.T) {
	user := func(session string, change func(*databroker.User)) func(*testing.T, *kennel) {
		return func(t *testing.T, k *kennel) { k.broker.changeUser(t, k.records.sessions[session].UserKey(), change) }
	}
	for _, tc := range []struct {
		name   string
		change func(*testing.T, *kennel)
		pause  time.Duration
		want   string
	}{
		{"nothing happens", func(*testing.T, *kennel) {}, 9 * time.Minute, ""},
		{"the time is over", func(*testing.T, *kennel) {}, 10 * time.Minute, "sign-in"},
		{"she stops", func(t *testing.T, k *kennel) { k.changeAlice(t, func(s *databroker.Session) { s.Impersonates = nil }) }, 0, "sign-in"},
		{"consent ends", func(_ *testing.T, k *kennel) { k.config.Console.Impersonation = false; k.house.apply() }, 0, "sign-in"},
		{"he signs out", func(t *testing.T, k *kennel) { must(t, k.broker.client.DeleteSession(t.Context(), "s-bob")) }, 0, "sign-in"},
		{"she signs out", func(t *testing.T, k *kennel) { must(t, k.broker.client.DeleteSession(t.Context(), "s-alice")) }, 0, "sign-in"},
		{"he is shut out", user("s-bob", func(u *databroker.User) { u.Disabled = true }), 0, "sign-in"},
		{"she is shut out", user("s-alice", func(u *databroker.User) { u.Disabled = true }), 0, "disabled"},
		{"she loses her role", user("s-alice", func(u *databroker.User) { u.Email = "former@corp.example" }), 0, "sign-in"},
		{"she loses her role by a record", func(t *testing.T, k *kennel) { k.loseLaptop(t, "alice@corp.example") }, 0, "sign-in"},
		{"a record of somebody else", func(t *testing.T, k *kennel) { k.loseLaptop(t, "carol@corp.example") }, 0, ""},
		{"he loses a group", user("s-bob", func(u *databroker.User) { u.Groups = nil }), 0, "deny"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newActingKennel(t)
				w, err := k.setOff(t, websocket(k.cookie("s-alice", "app.example")))
				must(t, err)
				synctest.Wait()
				tc.change(t, k)
				time.Sleep(tc.pause)
				synctest.Wait()
				if why := w.ended(); why != tc.want {
					t.Errorf("ended for %q, want %q", why, tc.want)
				}
			})
		})
	}
}

// What an administrator opens must not keep the person's own streams out.
func TestAttackStreamsOfAStandInTakeNoRoomOfThePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newActingKennel(t)
		acting, err := k.setOff(t, websocket(k.cookie("s-alice", "app.example")))
		must(t, err)
		if k.leashes.share["s-bob"] != 0 || len(k.leashes.share) != 1 {
			t.Errorf("room is taken of %v", k.leashes.share)
		}
		own, err := k.setOff(t, websocket(k.cookie("s-bob", "app.example")))
		must(t, err)
		if k.leashes.share["s-bob"] == 0 || len(k.leashes.share) != 2 {
			t.Errorf("room is taken of %v", k.leashes.share)
		}
		k.changeAlice(t, func(s *databroker.Session) { s.Impersonates = nil })
		synctest.Wait()
		if why := acting.ended(); why != "sign-in" {
			t.Errorf("hers ended for %q", why)
		}
		if why := own.ended(); why != "" {
			t.Errorf("his ended for %q", why)
		}
	})
}
