package policy

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

const ordinary = `
allow:
  or:
    - email: {is: someone@example.com}
    - domain: {is: example.org}
    - groups: {has: admins}
`

// benchFacts are those in which every policy of the benchmarks allows.
func benchFacts(b *testing.B) Facts {
	d := ada()
	d.SignedInAt = time.Now().Add(-time.Minute)
	d.Grants = []Grant{{"ops", time.Now().Add(time.Hour)}}
	d.Devices = []Device{{ID: "laptop", Type: DeviceEnclave, Approved: true}}
	f := Facts{Request: get(), Person: NewPerson(d)}
	f.Request.RawQuery = "tab=open&page=2"
	f.Request.Header = headers(map[string]string{"X-Env": "prod"})
	f.Records = recordsTable{
		"laptop|user.id|u-1": newRecord(b, laptopData()), "site|request.ip|192.0.2.7": newRecord(b, map[string]any{"name": "office"}),
	}
	return f
}

// onceThere are records that are there under every key.
type onceThere struct{ record *Record }

func (o onceThere) Record(context.Context, string, RecordKey, string) (*Record, error) {
	return o.record, nil
}

const (
	timedRule  = "allow: {and: [{domain: example.com}, {time_of_day: {timezone: Europe/Berlin, after: 00:00}}, {day_of_week: '*'}, {signed_in_within: 8h}]}"
	recordRule = "allow: {and: [{domain: example.com}, {record: {type: laptop, field: score, '>=': 50, key: user.id}}]}"
	askedRule  = "allow: {and: [{domain: example.com}, {http_header/x-env: prod}, {http_query/tab: open}]}"
)

func BenchmarkEvaluate(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"email, domain, group", ordinary},
		{"one e-mail address", "allow: {or: [{email: ada@example.com}]}"},
		{"with path, method, address", "allow: {and: [{domain: example.com}, {http_method: GET}, {http_path: {starts_with: /reports}}, {source_ip: 192.0.2.0/24}]}"},
		{"with a deny and a claim", "[{allow: {or: [{claim/realm_access/roles: writer}]}}, {deny: {or: [{claim/department: sales}]}}]"},
		{"with the time", timedRule},
		{"with a record", recordRule},
		{"with a header and a parameter", askedRule},
		{"with a device and a grant", "allow: {and: [{device: {approved: true}}, {grant: ops}]}"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p := program(b, bc.text)
			f := benchFacts(b)
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Evaluate(b.Context(), f); d.Outcome != Allow {
					b.Fatalf("outcome %v: %+v", d.Outcome, d)
				}
			}
		})
	}
}

func BenchmarkRemembered(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"session", ordinary},
		{"session, path, address", "allow: {and: [{domain: example.com}, {http_path: {starts_with: /reports}}, {source_ip: 192.0.2.0/24}]}"},
		{"headers", "allow: {or: [{cors_preflight: true}, {domain: example.com}]}"},
		{"time", timedRule},
		{"record", recordRule},
		{"record by any key", "allow: {or: [{record: {type: laptop, field: score, '>=': 50}}]}"},
		{"record by address", "allow: {or: [{record: {type: site, field: score, '>=': 50, key: request.ip}}]}"},
		{"header and parameter", askedRule},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p := program(b, bc.text)
			f := benchFacts(b)
			f.Records = onceThere{newRecord(b, laptopData())}
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(b.Context(), f); d.Outcome != Allow {
					b.Fatalf("outcome %v", d.Outcome)
				}
			}
		})
	}
}

// BenchmarkCompile compiles routes that differ in names: each on its own, and
// with what they share.
func BenchmarkCompile(b *testing.B) {
	docs := make([]*Document, 64)
	for i := range docs {
		docs[i] = document(b, fmt.Sprintf("allow: {or: [{email: user%d@example.com}, {domain: example.org}, {groups: admins}]}", i))
	}
	run := func(b *testing.B, compiler func() *Compiler) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := compiler().Compile(b.Context(), Source{Documents: []*Document{docs[i%len(docs)]}}); err != nil {
				b.Fatal(err)
			}
			i++
		}
	}
	b.Run("alone", func(b *testing.B) { run(b, func() *Compiler { return new(Compiler) }) })
	var c Compiler
	b.Run("shared", func(b *testing.B) { run(b, func() *Compiler { return &c }) })
}

func BenchmarkNewPerson(b *testing.B) {
	d := ada()
	b.ReportAllocs()
	for b.Loop() {
		NewPerson(d)
	}
}

// BenchmarkTenThousandRoutes compiles as many routes as a large installation
// has, in four shapes, with a named policy shared by all, and says what they
// hold in memory.
func BenchmarkTenThousandRoutes(b *testing.B) {
	const routes = 10_000
	staff := &Policy{Name: "staff", Documents: []*Document{document(b, "allow: {and: [{domain: corp.example}, {time_of_day: {timezone: Europe/Berlin, after: 06:00, before: 22:00}}]}")}}
	sources := make([]Source, routes)
	for i := range sources {
		text := []string{
			"allow: {or: [{email: user%d@example.com}, {domain: example.org}]}",
			"{allow: {or: [{groups: g%d}]}, deny: {or: [{http_path: {starts_with: /admin/}}]}}",
			"allow: {and: [{claim/team: t%d}, {http_method: {in: [GET, HEAD]}}]}",
			"allow: {or: [{source_ip: 10.0.0.0/8}, {user: u%d}]}",
		}[i%4]
		sources[i] = Source{Documents: []*Document{document(b, fmt.Sprintf(text, i))}, Policies: []*Policy{staff}}
	}
	var before, after runtime.MemStats
	programs := make([]*Program, routes)
	for b.Loop() {
		clear(programs)
		runtime.GC()
		runtime.ReadMemStats(&before)
		var c Compiler
		for i, s := range sources {
			p, err := c.Compile(b.Context(), s)
			if err != nil {
				b.Fatal(err)
			}
			programs[i] = p
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB-held")
	runtime.KeepAlive(programs)
}
