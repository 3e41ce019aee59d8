package policy

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

// A recordsTable holds records by what they are looked up by.
type recordsTable map[string]*Record

func (r recordsTable) Record(_ context.Context, typ string, key RecordKey, value string) (*Record, error) {
	return r[typ+"|"+string(key)+"|"+value], nil
}

// brokenRecords are those of a store that does not answer.
type brokenRecords struct{}

func (brokenRecords) Record(context.Context, string, RecordKey, string) (*Record, error) {
	return nil, errors.New("no answer")
}

func newRecord(t testing.TB, data map[string]any) *Record {
	t.Helper()
	r, err := NewRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// laptopData has a field of every kind.
func laptopData() map[string]any {
	return map[string]any{
		"os": "linux", "score": float64(80), "ratio": 0.5, "managed": true, "lost": false, "version": "42", "empty": "", "nothing": nil,
		"tags": []any{"a", "b"}, "one": []any{"only"}, "none": []any{}, "mixed": []any{"a", float64(5)}, "numbers": []any{float64(1), float64(2)},
		"owner": map[string]any{"team": map[string]any{"name": "blue"}},
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	const ok, no = "record-ok", "record-unauthorized"
	f := signedIn(ada())
	f.Records = recordsTable{"laptop|user.id|u-1": newRecord(t, laptopData())}
	stranger := Facts{Request: get(), Records: recordsTable{"laptop|request.ip|192.0.2.7": newRecord(t, laptopData())}}
	var cases []criterionCase
	// Without a doubt to lead towards a denial, what is not so is false.
	for ppl, truth := range map[string]bool{
		"field: os, is: linux": true, "field: os, is: Linux": false, "field: os, is: 5": false, "field: os, not: mac": true, "field: os, not: linux": false,
		"field: os, not: 5": false, "field: os, has: linux": true, "field: os, has: l": false, "field: os, exclude: mac": true, "field: os, exclude: linux": false,
		"field: os, contains: inu": true, "field: os, contains: q": false, "field: os, starts_with: li": true, "field: os, ends_with: nux": true,
		"field: os, starts_with: l, ends_with: z": false, "field: os, in: [mac, linux]": true, "field: os, in: [mac]": false, "field: os, not_in: [mac]": true,
		"field: os, not_in: [linux, mac]": false, "field: os, exists: true": true, "field: os, exists: false": false, "field: os, exists: true, is: linux": true,
		"field: score, is: 80": true, "field: score, is: 80.0": true, "field: score, is: '80'": false, "field: score, not: 81": true, "field: score, in: [79, 80]": true,
		"field: score, '<': 81": true, "field: score, '<': 80": false, "field: score, '<=': 80": true, "field: score, '<=': 79": false, "field: score, '=': 80": true,
		"field: score, '=': 80.5": false, "field: score, '>': 79.5": true, "field: score, '>': 80": false, "field: score, '>=': 80": true, "field: score, '>=': 81": false,
		"field: score, '>': 79, '<': 81": true, "field: score, '>': 79, '<': 80": false, "field: score, '>': -1": true, "field: score, contains: '8'": false,
		"field: ratio, '=': 0.5": true, "field: ratio, '<': 5e-1": false, "field: ratio, '<': 1e300": true,
		"field: version, is: '42'": true, "field: version, is: 42": false, "field: version, '>': 1": false, "field: version, '<': 100": false, "field: version, '=': 42": false,
		"field: managed, is: true": true, "field: managed, is: 'true'": false, "field: managed, is: false": false, "field: managed, '>': 0": false, "field: managed, not: false": true,
		"field: lost, is: false": true, "field: lost, exists: true": true, "field: lost, exists: false": false, "field: lost, not: true": true, "field: lost, exclude: true": true,
		"field: empty, exists: true": true, "field: empty, not: x": true, "field: empty, contains: x": false,
		"field: nothing, exists: true": false, "field: nothing, exists: false": true, "field: nothing, not: x": false, "field: nothing, '<': 5": false,
		"field: tags, has: a": true, "field: tags, has: c": false, "field: tags, is: a": false, "field: tags, exclude: c": true, "field: tags, exclude: a": false,
		"field: tags, not: c": false, "field: tags, contains: a": false, "field: tags, in: [a]": false, "field: tags, has: a, exclude: c": true, "field: tags, exists: true": true,
		"field: one, is: only": true, "field: one, is: other": false, "field: none, has: a": false, "field: none, is: a": false, "field: none, exclude: a": true,
		"field: none, exists: true": true, "field: mixed, has: a": true, "field: mixed, has: 5": true, "field: mixed, exclude: z": false, "field: numbers, has: 2": true,
		"field: numbers, exclude: 3": true, "field: numbers, exclude: '3'": false, "field: numbers, has: '2'": false,
		"field: owner.team.name, is: blue": true, "field: owner.team, is: blue": false, "field: owner.team, has: blue": false, "field: owner.team, exclude: red": false,
		"field: owner.team, exists: true": true, "field: owner.team.name.first, exists: false": true, "field: owner.other, is: blue": false, "field: missing, is: x": false,
		"field: missing, not: x": false, "field: missing, exclude: x": false, "field: missing, '<': 5": false, "field: missing, exists: true": false,
		"field: missing, exists: false": true, "field: tags.0, exists: true": false, "FIELD: os, IS: linux": true,
		"field: os, is: linux, key: user.id": true, "field: os, is: linux, key: user.email": false, "field: os, is: linux, key: Request.IP": false,
	} {
		cases = append(cases, criterionCase{ppl, "record: {type: laptop, " + ppl + "}", f, truth, reasons(map[bool]string{true: ok, false: no}[truth])})
	}
	runCriterion(t, append(cases, []criterionCase{
		{"no such record", "record: {type: phone, field: os, is: linux}", f, false, reasons(no)},
		{"no record has no field", "record: {type: phone, field: os, exists: false}", f, true, reasons(ok)},
		{"no records at all", "record: {type: laptop, field: os, exists: true}", signedIn(ada()), false, reasons(no)},
		{"a stranger by the address", "record: {type: laptop, field: os, is: linux}", stranger, true, reasons(ok)},
		{"and so by its key", "record: {type: laptop, field: os, is: linux, key: request.ip}", stranger, true, reasons(ok)},
		{"a stranger signs in where the key is of a person", "record: {type: laptop, field: os, is: linux, key: user.id}", stranger, false, reasons(nobody)},
		{"also where no field is asked for", "record: {type: laptop, field: os, exists: false, key: user.email}", stranger, false, reasons(nobody)},
		{"a stranger without an address", "record: {type: laptop, field: os, is: linux}", Facts{Records: stranger.Records}, false, reasons(no)},
	}...))
}

func TestRecordThatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	f := signedIn(ada())
	f.Records = brokenRecords{}
	for _, ppl := range []string{
		"allow: {or: [{accept: }, {record: {type: laptop, field: os, exists: false}}]}",
		"{allow: {or: [{accept: }]}, deny: {or: [{record: {type: laptop, field: os, is: x}}]}}",
	} {
		denied(t, program(t, ppl).Decide(t.Context(), f))
		denied(t, program(t, ppl).Evaluate(t.Context(), f))
	}
}

// Where a match leads towards a denial, a value of another type is one.
func TestRecordInADeny(t *testing.T) {
	t.Parallel()
	f := signedIn(ada())
	f.Records = recordsTable{"laptop|user.id|u-1": newRecord(t, laptopData())}
	for ppl, denied := range map[string]bool{
		"field: os, is: linux": true, "field: os, is: mac": false, "field: os, is: 5": true, "field: os, '>': 5": true, "field: os, not: linux": false, "field: os, not: mac": true,
		"field: score, '>': 70": true, "field: score, '>': 90": false, "field: score, contains: x": true, "field: version, '>': 90": true, "field: version, is: '42'": true,
		"field: version, is: 41": true, "field: version, is: '41'": false, "field: lost, is: true": false, "field: managed, is: 'false'": true, "field: managed, is: false": false,
		"field: tags, is: a": false, "field: tags, has: a": true, "field: tags, has: c": false, "field: tags, has: 5": true, "field: tags, '<': 5": true, "field: tags, not: x": true,
		"field: tags, exclude: a": false, "field: tags, exclude: c": true, "field: mixed, has: z": true, "field: mixed, exclude: a": true, "field: none, has: a": false, "field: owner.team, has: x": true,
		"field: missing, is: x": false, "field: missing, '>': 5": false, "field: missing, not: x": true, "field: missing, not_in: [x]": true, "field: missing, exclude: x": true,
		"field: missing, not: x, contains: y": false, "field: missing, exists: false": true, "field: missing, exists: true": false, "field: nothing, not: x": true,
		"field: lost, not: true": true, "field: lost, not: false": false, "field: lost, exists: false": false, "field: score, '>': 90, contains: x": true,
	} {
		for _, text := range []string{
			"{allow: {or: [{accept: }]}, deny: {or: [{record: {type: laptop, " + ppl + "}}]}}",
			"allow: {not: [{record: {type: laptop, " + ppl + "}}]}",
		} {
			want := map[bool]Outcome{true: Deny, false: Allow}[denied]
			if d := program(t, text).Decide(t.Context(), f); d.Outcome != want || d.Err != nil {
				t.Errorf("%s: %+v, want %v", text, d, want)
			}
		}
	}
}

func TestRecordReadsWhatItsKeySays(t *testing.T) {
	t.Parallel()
	for ppl, want := range map[string]Reads{
		"":                  {Records: []RecordRead{{Type: "laptop"}}},
		", key: user.email": {Session: true, Records: []RecordRead{{"laptop", KeyUserEmail}}},
		", key: request.ip": {Records: []RecordRead{{"laptop", KeyRequestIP}}},
	} {
		got := program(t, "allow: {or: [{record: {type: laptop, field: os, is: x"+ppl+"}}]}").Reads()
		if got.Session != want.Session || !slices.Equal(got.Records, want.Records) {
			t.Errorf("%q reads %+v, want %+v", ppl, got, want)
		}
	}
}

func TestBadRecords(t *testing.T) {
	t.Parallel()
	const where = "policy.allow.or[0].record"
	const whole = ": want an object of type, field and at least one operator"
	const value = "want a string that is not empty, a number, true or false"
	runBad(t, []badCase{
		{"null", "allow: {or: [{record: }]}", "1:23: " + where + whole},
		{"nothing", "allow: {or: [{record: {}}]}", "1:23: " + where + whole},
		{"a text", "allow: {or: [{record: laptop}]}", "1:23: " + where + whole},
		{"no operator", "allow: {or: [{record: {type: a, field: b}}]}", "1:23: " + where + whole},
		{"no field", "allow: {or: [{record: {type: a, is: b}}]}", "1:23: " + where + whole},
		{"no type", "allow: {or: [{record: {field: a, is: b}}]}", "1:23: " + where + whole},
		{"an unknown operator", "allow: {or: [{record: {type: a, field: b, like: c}}]}", "1:43: " + where + `: unknown key "like", want one of type, field, key, is, not, has, exclude, contains, starts_with, ends_with, in, not_in, exists, <, <=, =, >, >=`},
		{"a type with a bar", "allow: {or: [{record: {type: 'a|b', field: b, is: c}}]}", "1:30: " + where + ".type: want a type without |"},
		{"an empty type", "allow: {or: [{record: {type: '', field: b, is: c}}]}", "1:30: " + where + ".type: want a string that is not empty"},
		{"an empty name", "allow: {or: [{record: {type: a, field: b..c, is: c}}]}", "1:40: " + where + ".field: want at most 5 names with a dot between them"},
		{"too deep", "allow: {or: [{record: {type: a, field: a.b.c.d.e.f, is: c}}]}", "1:40: " + where + ".field: want at most 5 names with a dot between them"},
		{"an unknown key", "allow: {or: [{record: {type: a, field: b, key: device.id, is: c}}]}", "1:48: " + where + ".key: want one of user.id, user.email, request.ip, request.client_certificate.fingerprint"},
		{"null for a value", "allow: {or: [{record: {type: a, field: b, is: ~}}]}", "1:47: " + where + ".is: " + value},
		{"an empty value", "allow: {or: [{record: {type: a, field: b, is: ''}}]}", "1:47: " + where + ".is: " + value},
		{"an object", "allow: {or: [{record: {type: a, field: b, is: {c: d}}}]}", "1:47: " + where + ".is: " + value},
		{"a number that is none", "allow: {or: [{record: {type: a, field: b, is: .nan}}]}", "1:47: " + where + ".is: " + value},
		{"one without end", "allow: {or: [{record: {type: a, field: b, '<': .inf}}]}", "1:48: " + where + ".<: want a number"},
		{"a text for a number", "allow: {or: [{record: {type: a, field: b, '<': '5'}}]}", "1:48: " + where + ".<: want a number"},
		{"a number for a text", "allow: {or: [{record: {type: a, field: b, contains: 5}}]}", "1:53: " + where + ".contains: want a string that is not empty"},
		{"a text for a truth", "allow: {or: [{record: {type: a, field: b, exists: 'yes'}}]}", "1:51: " + where + ".exists: want true or false"},
		{"no list", "allow: {or: [{record: {type: a, field: b, in: c}}]}", "1:47: " + where + ".in: want a list of at least one value"},
		{"an empty list", "allow: {or: [{record: {type: a, field: b, not_in: []}}]}", "1:51: " + where + ".not_in: want a list of at least one value"},
		{"a list of two types", "allow: {or: [{record: {type: a, field: b, in: [c, 5]}}]}", "1:51: " + where + ".in[1]: want values of one type"},
		{"a test of what is not there", "allow: {or: [{record: {type: a, field: b, exists: false, is: c}}]}", "1:23: " + where + ": a field that is not there meets no other test, want exists: false alone"},
	})
}

func TestRecordsOfTwoKeysDoNotMeet(t *testing.T) {
	t.Parallel()
	// Somebody whose id looks like an address is not that address.
	p := ada()
	p.UserID = "192.0.2.9"
	f := signedIn(p)
	f.Request.IP = netip.MustParseAddr("192.0.2.8")
	f.Records = recordsTable{"site|request.ip|192.0.2.9": newRecord(t, map[string]any{"name": "office"})}
	prog := program(t, "allow: {or: [{record: {type: site, field: name, is: office}}]}")
	if d := prog.Decide(t.Context(), f); d.Outcome != Deny {
		t.Errorf("Decide = %+v", d)
	}
	f.Request.IP = netip.MustParseAddr("192.0.2.9")
	if d := prog.Decide(t.Context(), f); d.Outcome != Allow {
		t.Errorf("Decide = %+v", d)
	}
}
