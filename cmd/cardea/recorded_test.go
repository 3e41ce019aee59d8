package main

import (
	"fmt"
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
	return newRecorder(j, func(id string) string { return "https://" + id + ".example" })
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
