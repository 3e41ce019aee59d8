package policy

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// A modelWorld is everything that a decision of the model is about.
type modelWorld struct {
	request Request
	person  *PersonData
	now     time.Time
	record  map[string]any // the one there is about the person, or the address of a stranger
}

// sameMeaning compares decisions in all but when they were made and how long
// they hold.
func sameMeaning(t *testing.T, want, got Decision) {
	t.Helper()
	got.Since, got.Until = time.Time{}, time.Time{}
	compare(t, want, got)
}

// modelBase is half an hour before the clocks of Berlin are changed, on a
// Sunday.
var modelBase = time.Date(2030, 3, 31, 0, 30, 0, 0, time.UTC)

// people, queries and records in which every criterion of the model varies.
var modelPeople = []*PersonData{
	nil,
	{
		SessionID: "1", UserID: "u-1", Email: "a@x.example", Groups: []string{"g"}, Claims: map[string]any{"k": "v"},
		SignedInAt: modelBase.Add(-time.Hour), Grants: []Grant{{"ops", modelBase.Add(90 * time.Minute)}},
		Devices: []Device{{ID: "key", Type: DeviceAny, Approved: true, ShownAt: modelBase.Add(-20 * time.Minute), UserVerified: true}},
	},
	{
		SessionID: "2", UserID: "u-2", Email: "b@y.example", Groups: []string{"g", "h"}, Claims: map[string]any{"k": "w"},
		SignedInAt: modelBase.Add(time.Hour), Grants: []Grant{{"ops", modelBase}, {"dba", modelBase.Add(time.Hour)}},
		Devices: []Device{
			{ID: "laptop", Type: DeviceEnclave, ShownAt: modelBase.Add(5 * time.Minute)},
			{ID: "key", Type: DeviceAny},
			{ID: "token", Type: DeviceAny, ShownAt: modelBase.Add(-2 * time.Hour), UserVerified: true},
		},
	},
	{SessionID: "3", UserID: "u-3", Email: "d@z.example"},
}

var modelQueries = []string{"", "q=a", "q=b&x", "q=a&q=b", "x=1;q=a", "q=%61", "x=%"}

var modelRecords = []map[string]any{nil, {"score": 80.0, "os": "linux"}, {"score": "80", "os": 5.0}, {"score": 90.0, "lost": false}, {"os": nil, "lost": true}}

func between(now time.Time, from, to time.Duration) bool {
	return !now.Before(modelBase.Add(from)) && now.Before(modelBase.Add(to))
}

const (
	deviceOK, deviceNo = "device-ok", "device-unauthorized"
	recordOK, recordNo = "record-ok", "record-unauthorized"
	todOK, todNo       = "time-of-day-ok", "time-of-day-unauthorized"
	signedOK, signedNo = "signed-in-within-ok", "signed-in-within-unauthorized"
	headerOK, headerNo = "http-header-ok", "http-header-unauthorized"
)

// modelWorldCriteria are those about more than a plain person and request.
var modelWorldCriteria = []modelCriterion{
	{ppl: "date: {after: 2030-03-31T00:00:00Z, before: 2030-03-31T04:00:00+02:00}", ok: "date-ok", no: "date-unauthorized", test: func(w modelWorld) bool {
		return between(w.now, -30*time.Minute, 90*time.Minute)
	}},
	{ppl: "day_of_week: sun", ok: "day-of-week-ok", no: "day-of-week-unauthorized", test: func(w modelWorld) bool { return between(w.now, -30*time.Minute, 23*time.Hour+30*time.Minute) }},
	{ppl: "day_of_week: {days: sun, timezone: Europe/Berlin}", ok: "day-of-week-ok", no: "day-of-week-unauthorized", test: func(w modelWorld) bool {
		return between(w.now, -90*time.Minute, 21*time.Hour+30*time.Minute)
	}},
	{ppl: "time_of_day: {timezone: Europe/Berlin, after: 02:30, before: 3:15 AM}", ok: todOK, no: todNo, test: func(w modelWorld) bool {
		// On the day of the change half past two is three o'clock.
		return between(w.now, 30*time.Minute, 45*time.Minute) || between(w.now, -23*time.Hour, -22*time.Hour-15*time.Minute) || between(w.now, 24*time.Hour, 24*time.Hour+45*time.Minute)
	}},
	{ppl: "time_of_day: {timezone: UTC, after: 20:00, before: 01:00}", ok: todOK, no: todNo, test: func(w modelWorld) bool {
		h := w.now.UTC().Hour()
		return h >= 20 || h < 1
	}},
	{ppl: "signed_in_within: 2h", session: true, verdict: func(w modelWorld, doubt bool) (bool, string) {
		age := w.now.Sub(w.person.SignedInAt)
		switch {
		case w.person.SignedInAt.IsZero() || age < -2*time.Minute:
			return doubt, signedNo
		case age < 2*time.Hour:
			return true, signedOK
		}
		return false, signedNo
	}},
	{ppl: "grant: ops", ok: "grant-ok", no: "grant-unauthorized", session: true, test: func(w modelWorld) bool { return w.granted("ops") }},
	{ppl: "grant: {has: dba, exclude: ops}", ok: "grant-ok", no: "grant-unauthorized", session: true, test: func(w modelWorld) bool { return w.granted("dba") && !w.granted("ops") }},
	{ppl: "device: {approved: true}", session: true, verdict: func(w modelWorld, doubt bool) (bool, string) {
		return modelDevice(w, doubt, func(Device) bool { return true }, func(d Device) bool { return d.Approved })
	}},
	{ppl: "device: {is: [laptop, key], type: enclave_only}", session: true, verdict: func(w modelWorld, doubt bool) (bool, string) {
		return modelDevice(w, doubt, func(d Device) bool { return d.Type == DeviceEnclave }, func(Device) bool { return true })
	}},
	{ppl: "device: {is: [token, key], within: 30m}", session: true, verdict: func(w modelWorld, doubt bool) (bool, string) {
		return modelDevice(w, doubt, func(d Device) bool { return w.recent(d, 30*time.Minute) }, func(d Device) bool { return d.ID != "laptop" })
	}},
	{ppl: "device: {approved: false, within: 3h, user_verified: true}", session: true, verdict: func(w modelWorld, doubt bool) (bool, string) {
		return modelDevice(w, doubt, func(d Device) bool { return d.UserVerified && w.recent(d, 3*time.Hour) }, func(d Device) bool { return !d.Approved })
	}},
	{ppl: "record: {type: laptop, field: score, '>=': 85}", verdict: func(w modelWorld, doubt bool) (bool, string) {
		switch score := w.record["score"].(type) {
		case nil:
			return false, recordNo
		case float64:
			return score >= 85, map[bool]string{true: recordOK, false: recordNo}[score >= 85]
		}
		return doubt, recordNo
	}},
	{ppl: "record: {type: laptop, field: os, not: mac}", verdict: func(w modelWorld, doubt bool) (bool, string) {
		if _, ok := w.record["os"].(string); ok {
			return true, recordOK
		}
		return doubt, recordNo // of another type, or not there
	}},
	{ppl: "record: {type: laptop, field: lost, exists: false}", ok: recordOK, no: recordNo, test: func(w modelWorld) bool { return w.record["lost"] == nil }},
	{ppl: "record: {type: laptop, field: os, is: linux, key: user.id}", session: true, verdict: func(w modelWorld, doubt bool) (bool, string) {
		if w.record["os"] == "linux" {
			return true, recordOK
		}
		return doubt && w.record["os"] != nil, recordNo
	}},
	{ppl: "http_header/x-env: a", ok: headerOK, no: headerNo, test: func(w modelWorld) bool { v, _ := w.request.header("X-Env"); return v == "a" }},
	{ppl: "http_header/x-env: {not: a}", verdict: func(w modelWorld, doubt bool) (bool, string) {
		v, there := w.request.header("X-Env")
		if there && v != "a" {
			return true, headerOK
		}
		return doubt && !there, headerNo
	}},
	{ppl: "http_query/q: a", verdict: func(w modelWorld, doubt bool) (bool, string) {
		const ok, no = "http-query-ok", "http-query-unauthorized"
		raw := w.request.RawQuery
		values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "&"))
		clear := err == nil && !strings.Contains(raw, ";")
		has := slices.Contains(values["q"], "a")
		switch {
		case has && (doubt || clear && len(values["q"]) == 1):
			return true, ok
		case doubt && !clear && len(values["q"]) > 0:
			return true, no
		}
		return false, no
	}},
}

func (w modelWorld) granted(name string) bool {
	return slices.ContainsFunc(w.person.Grants, func(g Grant) bool { return g.Name == name && w.now.Before(g.ExpiresAt) })
}

func modelDevice(w modelWorld, doubt bool, ofType, right func(Device) bool) (bool, string) {
	if !slices.ContainsFunc(w.person.Devices, ofType) {
		return doubt, reasonDeviceUnauthenticated
	}
	if slices.ContainsFunc(w.person.Devices, func(d Device) bool { return ofType(d) && right(d) }) {
		return true, deviceOK
	}
	return false, deviceNo
}

func (w modelWorld) recent(d Device, limit time.Duration) bool {
	age := w.now.Sub(d.ShownAt)
	return !d.ShownAt.IsZero() && age >= -2*time.Minute && age < limit
}

func modelAsks(groups []modelGroup, text string) bool {
	return slices.ContainsFunc(groups, func(g modelGroup) bool {
		return slices.ContainsFunc(g.criteria, func(c modelCriterion) bool { return strings.Contains(c.ppl, text) })
	})
}

func modelDeviceType(groups []modelGroup) string {
	for _, g := range groups {
		for _, c := range g.criteria {
			if strings.Contains(c.ppl, DeviceEnclave) {
				return DeviceEnclave
			}
		}
	}
	return DeviceAny
}

// modelWorlds go on from one to the next: somebody else asks for something
// else, time passes or is set back, and records change.
type modelWorlds struct {
	people   []*Person
	requests []Request
	records  []*Record // as modelRecords
	now      time.Time
	held     []int // which of records each person has; the first is every stranger
}

func newModelWorlds(t *testing.T) *modelWorlds {
	t.Helper()
	ws := &modelWorlds{requests: modelRequests(), now: modelBase, held: make([]int, len(modelPeople))}
	for _, d := range modelPeople {
		var p *Person
		if d != nil {
			p = NewPerson(*d)
		}
		ws.people = append(ws.people, p)
	}
	for _, data := range modelRecords {
		var r *Record
		if data != nil {
			r = newRecord(t, data)
		}
		ws.records = append(ws.records, r)
	}
	return ws
}

// modelSteps are how far the clock moves: hardly, over a bound, or back.
var modelSteps = []time.Duration{
	0, 0, time.Nanosecond, time.Millisecond, -time.Millisecond, 7 * time.Minute, 15 * time.Minute, 30 * time.Minute, -30 * time.Minute, time.Hour, -time.Hour, 5 * time.Hour, -4 * time.Hour, 23 * time.Hour, -23 * time.Hour,
}

func (ws *modelWorlds) next(r *rand.Rand) (modelWorld, Facts) {
	ws.now = ws.now.Add(modelSteps[r.IntN(len(modelSteps))])
	if ws.now.Before(modelBase.Add(-36*time.Hour)) || ws.now.After(modelBase.Add(36*time.Hour)) {
		ws.now = modelBase
	}
	if r.IntN(3) == 0 {
		ws.held[r.IntN(len(ws.held))] = r.IntN(len(ws.records))
	}
	i, request := r.IntN(len(ws.people)), ws.requests[r.IntN(len(ws.requests))]
	table := recordsTable{}
	for j, d := range modelPeople {
		if d != nil {
			table["laptop|user.id|"+d.UserID] = ws.records[ws.held[j]]
		}
	}
	if i == 0 {
		table["laptop|request.ip|"+request.IP.String()] = ws.records[ws.held[0]]
	}
	return modelWorld{request, modelPeople[i], ws.now, modelRecords[ws.held[i]]},
		Facts{Request: request, Person: ws.people[i], Now: ws.now, Records: table}
}

// What is remembered is what would be decided again, whatever happened in
// between.
func TestMemoryAgreesWithEvaluation(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	worlds := newModelWorlds(t)
	documents := 60
	if testing.Short() {
		documents = 20
	}
	for range documents {
		_, text := randomDocument(r)
		p := program(t, text)
		for range 150 {
			w, f := worlds.next(r)
			want := p.Evaluate(t.Context(), f)
			want.Since, want.Until = time.Time{}, time.Time{}
			got := p.Decide(t.Context(), f)
			if !got.holds(f.Now) && p.Reads().Clock {
				t.Errorf("a decision of %v to %v at %v", got.Since, got.Until, f.Now)
			}
			sameMeaning(t, want, got)
			if t.Failed() {
				t.Fatalf("seed %d, at %v, record %v, person %+v, request %+v:\n%s\n%s", seed, w.now, w.record, w.person, w.request, text, p.Rego())
			}
		}
	}
}
