package policy

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"sync"
	"testing"
)

func TestMemoryTellsFactsApart(t *testing.T) {
	t.Parallel()
	all := Reads{Session: true, Method: true, Host: true, Path: true, Query: true, Address: true,
		Certificate: true, CertificateLeaf: true, Headers: []string{"A", "B"}}
	with := func(change func(*Request)) Facts {
		r := get()
		change(&r)
		return Facts{Request: r}
	}
	seen := map[string]int{}
	for i, f := range []Facts{
		{Request: get()},
		with(func(r *Request) { r.Method = "POST" }),
		with(func(r *Request) { r.Host = "x" }),
		with(func(r *Request) { r.Path = "" }),
		with(func(r *Request) { r.Path, r.RawQuery = "/report", "s/1" }),
		with(func(r *Request) { r.Path, r.RawQuery = "/reports", "/1" }),
		with(func(r *Request) { r.Method, r.Path = "GET/reports", "/1" }),
		with(func(r *Request) { r.IP = netip.Addr{} }),
		with(func(r *Request) { r.IP = netip.MustParseAddr("::") }),
		with(func(r *Request) { r.IP = netip.MustParseAddr("0.0.0.0") }),
		with(func(r *Request) { r.Header = headers(map[string]string{"A": ""}) }),
		with(func(r *Request) { r.Header = headers(map[string]string{"B": ""}) }),
		with(func(r *Request) { r.Header = headers(map[string]string{"A": "x"}) }),
		with(func(r *Request) { r.Header = headers(map[string]string{"B": "x"}) }),
		with(func(r *Request) { r.Header = headers(map[string]string{"A": "x", "B": ""}) }),
		with(func(r *Request) { r.ClientCertificate.Presented = true }),
		with(func(r *Request) { r.ClientCertificate.Valid = true }),
		with(func(r *Request) { r.ClientCertificate.Leaf = &x509.Certificate{} }),
		with(func(r *Request) { r.ClientCertificate.Leaf = leaf() }),
	} {
		key := string(f.key(nil, &all, nil))
		if j, ok := seen[key]; ok {
			t.Errorf("facts %d and %d have one key", j, i)
		}
		seen[key] = i
	}
	same := with(func(r *Request) { r.IP = netip.MustParseAddr("::ffff:192.0.2.7") })
	if _, ok := seen[string(same.key(nil, &all, nil))]; !ok {
		t.Error("an IPv4 address that came as IPv6 has another key")
	}
}

func TestMemoryIsAskedFirst(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {and: [{domain: example.com}, {http_path: {starts_with: /reports}}]}")
	f := signedIn(ada())
	first := p.Decide(t.Context(), f)
	p.shape = nil // whatever is evaluated from now on fails
	compare(t, first, p.Decide(t.Context(), f))

	f.Request.Method, f.Request.RawQuery = "POST", "not read"
	compare(t, first, p.Decide(t.Context(), f))

	other := f
	other.Request.Path = "/reports/2"
	denied(t, p.Decide(t.Context(), other))
	other = f
	other.Person = NewPerson(ada()) // a newer version of the same person
	denied(t, p.Decide(t.Context(), other))
	other.Person = nil
	denied(t, p.Decide(t.Context(), other))
}

func TestAPolicyThatAsksNobodyIsRememberedForAll(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{accept: }]}")
	first := p.Decide(t.Context(), signedIn(ada()))
	p.shape = nil
	compare(t, first, p.Decide(t.Context(), Facts{Request: get()}))
}

func TestEvaluateLeavesTheMemoryAlone(t *testing.T) {
	t.Parallel()
	p := program(t, ordinary)
	if d := p.Evaluate(t.Context(), signedIn(ada())); d.Outcome != Allow {
		t.Errorf("Evaluate = %+v", d)
	}
	for i := range p.memory.shards {
		if p.memory.shards[i].young != nil {
			t.Error("its decision is held")
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	people := make([]*Person, 100)
	for i := range people {
		people[i] = NewPerson(PersonData{SessionID: fmt.Sprint(i)})
	}
	for i := range 50_000 {
		d := Decision{Outcome: Outcome(i)}
		m.put(people[i%len(people)], fmt.Sprint(i), &d)
		if got, ok := m.get(people[i%len(people)], []byte(fmt.Sprint(i))); !ok || got.Outcome != Outcome(i) {
			t.Fatalf("%d: %v, %v", i, got, ok)
		}
	}
	held := 0
	for i := range m.shards {
		held += len(m.shards[i].young) + len(m.shards[i].old)
	}
	if limit := 2 * shards * generationSize; held > limit {
		t.Errorf("%d decisions held, want at most %d", held, limit)
	}
}

func TestWhatIsUsedStaysRemembered(t *testing.T) {
	t.Parallel()
	var m memory
	m.put(nil, "used", &Decision{Outcome: Allow})
	for i := range 20_000 {
		m.put(nil, fmt.Sprint(i), &Decision{})
		if d, ok := m.get(nil, []byte("used")); !ok || d.Outcome != Allow {
			t.Fatalf("forgotten after %d others", i)
		}
	}
}

func TestLongPathsAreNotRemembered(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{http_path: {starts_with: /reports}}]}")
	f := Facts{Request: get()}
	f.Request.Path = "/reports/" + string(make([]byte, maxKey))
	if d := p.Decide(t.Context(), f); d.Outcome != Allow {
		t.Errorf("Decide = %+v", d)
	}
	for i := range p.memory.shards {
		if p.memory.shards[i].young != nil {
			t.Error("a key over the limit is held")
		}
	}
}

func TestMemoryAllocatesNothingOnAHit(t *testing.T) {
	p := program(t, "allow: {and: [{domain: example.com}, {http_path: {starts_with: /reports}}, {source_ip: 192.0.2.0/24}]}")
	f := signedIn(ada())
	ctx := t.Context()
	p.Decide(ctx, f)
	if n := testing.AllocsPerRun(100, func() { p.Decide(ctx, f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecideFromManySides(t *testing.T) {
	t.Parallel()
	p := program(t, "[{allow: {or: [{groups: admins}, {claim/tags: a}]}}, {deny: {or: [{http_path: {starts_with: /no}}]}}]")
	person := NewPerson(ada())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 2000 {
				f := Facts{Request: get(), Person: person}
				want := Allow
				f.Request.Path = fmt.Sprintf("/yes/%d", n*(i+1)%700)
				if n%3 == 0 {
					f.Request.Path, want = fmt.Sprintf("/no/%d", n), Deny
				}
				if d := p.Decide(t.Context(), f); d.Outcome != want {
					t.Errorf("%s: %+v", f.Request.Path, d)
					return
				}
			}
		})
	}
	wg.Wait()
}
