package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/rs/zerolog"
)

func recording(t testing.TB) *recorder {
	t.Helper()
	j, err := journal.Open(journal.Options{
		Dir: t.TempDir(), Key: journalKey([]byte("a root secret of thirty-two byte")),
		MaxBytes: 64 << 20, MaxAge: time.Hour, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return newRecorder(j, new(tail), func(id string) string { return "https://" + id + ".example" })
}

// Headers of a Recorded are used again for the next decision.
func TestARecordedDecisionOutlivesItsHeaders(t *testing.T) {
	t.Parallel()
	r := recording(t)
	d := &authorize.Recorded{RequestID: "one", Headers: []authorize.RecordedHeader{{Name: "Accept", Value: "text/html"}}, Person: &policy.PersonData{UserID: "ada"}}
	r.Record(d)
	d.RequestID, d.Headers[0].Value = "two", "other"
	r.Record(d)
	one, err := r.journal.Find(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if value, _ := one.Header("Accept"); value != "text/html" || string(one.Person.JSON) == "" {
		t.Errorf("recorded %+v", one)
	}
}

func TestManyPeopleAreNotAllKept(t *testing.T) {
	t.Parallel()
	r := recording(t)
	for i := range maxVersions + 10 {
		r.people.of(&policy.PersonData{UserID: fmt.Sprint(i)}, recordedPerson)
	}
	if n := r.people.known.Load(); n != 10 {
		t.Errorf("%d people are known, want 10", n)
	}
}

func TestWhatADecisionSawOfRecordsIsRecorded(t *testing.T) {
	t.Parallel()
	r := recording(t)
	there, err := policy.NewRecord(map[string]any{"team": "blue"})
	if err != nil {
		t.Fatal(err)
	}
	r.Record(&authorize.Recorded{RequestID: "one", Records: []policy.RecordSeen{
		{Type: "hr", Key: policy.KeyUserEmail, Value: "a@example.com"},
		{Type: "hr", Key: policy.KeyUserID, Value: "a", Record: there},
	}})
	e, err := r.journal.Find(t.Context(), "one")
	if err != nil || len(e.Records) != 2 || e.Records[0].Data != nil || string(e.Records[1].Data) != `{"team":"blue"}` {
		t.Errorf("recorded %+v, %v", e.Records, err)
	}
}

// Hand-written Rego may read the certificates between that of the client and
// the authority.
func TestIntermediatesAreReplayed(t *testing.T) {
	t.Parallel()
	chain := []*x509.Certificate{certificateNamed(t, "client"), certificateNamed(t, "between"), certificateNamed(t, "above")}
	m, err := policy.ParseRego("between.rego", `allow if {
	some c in crypto.x509.parse_certificates(input.http.client_certificate.intermediates)
	c.Subject.CommonName == "above"
}`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(policy.Compiler).Compile(t.Context(), policy.Source{Policies: []*policy.Policy{{Name: "between", Rego: []*policy.Module{m}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := recording(t)
	for _, tc := range []struct {
		name  string
		known bool
		chain []*x509.Certificate
		want  policy.Outcome
	}{
		{"with", true, chain, policy.Allow}, {"without", true, chain[:2], policy.Deny}, {"unknown", false, chain, policy.Deny},
	} {
		d := &authorize.Recorded{RequestID: tc.name, CertificateKnown: tc.known}
		d.Request.ClientCertificate = policy.ClientCertificate{Presented: true, Valid: true, Leaf: tc.chain[0], Intermediates: tc.chain[1:]}
		r.Record(d)
		e, err := r.journal.Find(t.Context(), tc.name)
		if err != nil {
			t.Fatal(err)
		}
		if what := unknown(&e, p.Reads()); (what == "") != tc.known {
			t.Errorf("%s: unknown is %q", tc.name, what)
		}
		s, err := scenarioOf(&e)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Decide(t.Context(), s.Facts()); got.Outcome != tc.want {
			t.Errorf("%s: decided %+v, want %v", tc.name, got, tc.want)
		}
	}
	if _, err := scenarioOf(&journal.Entry{Cert: &journal.Certificate{IntermediatesDER: [][]byte{{1}}}}); err == nil {
		t.Error("what is no certificate was read as one")
	}
}

func certificateNamed(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkRecord is what the request path pays beside authorize.
func BenchmarkRecord(b *testing.B) {
	r := recording(b)
	d := &authorize.Recorded{
		RequestID: "one", Time: time.Now(), RouteID: "app", Headers: []authorize.RecordedHeader{{Name: "Accept", Value: "text/html"}},
		Person: &policy.PersonData{UserID: "ada"}, Outcome: "allow",
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(d) // dropped when the queue is full
	}
}
