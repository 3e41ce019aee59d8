package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/internal/seal"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// decisionsDir is where recorded decisions rest.
func decisionsDir(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "decisions") }

// journalKey is the key of recorded decisions.
func journalKey(root []byte) [seal.KeySize]byte { return seal.Derive(root, "decisions") }

// A recorder puts decisions into the journal.
type recorder struct {
	journal *journal.Journal
	tail    *tail
	from    func(routeID string) string // the address of a route, for people

	people  versions[*policy.PersonData, *journal.Person]
	records versions[*policy.Record, *journal.Later]
}

// maxVersions bounds how many people or records are known by their address; when
// there are more, all are made anew.
const maxVersions = 32768

// versions hold what stands for one version of something, by its address.
type versions[K comparable, V any] struct {
	all   sync.Map // K -> V
	known atomic.Int64
}

func (v *versions[K, V]) of(key K, of func(K) V) V {
	if one, ok := v.all.Load(key); ok {
		return one.(V)
	}
	if v.known.Load() >= maxVersions {
		v.all.Clear()
		v.known.Store(0)
	}
	one, known := v.all.LoadOrStore(key, of(key))
	if !known {
		v.known.Add(1)
	}
	return one.(V)
}

// recordedPerson and recordedRecord are made into JSON by the journal's writer.
func recordedPerson(data *policy.PersonData) *journal.Person {
	return &journal.Person{Data: func() ([]byte, error) { return json.Marshal(data) }}
}

func recordedRecord(r *policy.Record) *journal.Later {
	return &journal.Later{Data: func() ([]byte, error) { return json.Marshal(r.Data()) }}
}

func newRecorder(j *journal.Journal, t *tail, from func(string) string) *recorder {
	return &recorder{journal: j, tail: t, from: from}
}

// Record is that of authorize.Recorder.
func (r *recorder) Record(d *authorize.Recorded) {
	q := &d.Request
	e := &journal.Entry{
		RequestID: d.RequestID, Time: d.Time, Generation: d.Generation,
		RouteID: d.RouteID, From: r.from(d.RouteID), PolicyDigest: d.Digest,
		Method: q.Method, Host: q.Host, RawPath: q.RawPath, Path: q.Path, RawQuery: q.RawQuery, QueryHidden: d.HideQuery,
		HeaderNames: d.HeaderNames,
		Outcome:     d.Outcome, Allow: d.Decision.Allow, Deny: d.Decision.Deny,
		AllowReasons: d.Decision.AllowReasons, DenyReasons: d.Decision.DenyReasons,
	}
	if len(d.Headers) > 0 {
		e.Headers = make([]journal.Header, len(d.Headers))
		for i, h := range d.Headers {
			e.Headers[i] = journal.Header(h)
		}
	}
	if q.IP.IsValid() {
		e.IP = q.IP.String()
	}
	if d.CertificateKnown {
		c := q.ClientCertificate
		e.Cert = &journal.Certificate{Presented: c.Presented, Valid: c.Valid}
		if c.Leaf != nil {
			e.Cert.LeafDER = c.Leaf.Raw
		}
		for _, one := range c.Intermediates {
			e.Cert.IntermediatesDER = append(e.Cert.IntermediatesDER, one.Raw)
		}
	}
	for _, seen := range d.Records {
		one := journal.Record{Type: seen.Type, Key: string(seen.Key), Value: seen.Value}
		if seen.Record != nil {
			one.Later = r.records.of(seen.Record, recordedRecord)
		}
		e.Records = append(e.Records, one)
	}
	switch {
	case d.Decision.Err != nil:
		e.Err = d.Decision.Err.Error()
	case d.Reason != "":
		e.Err = d.Reason
	}
	if d.Person != nil {
		e.Person, e.ImpersonatedBy = r.people.of(d.Person, recordedPerson), d.ImpersonatedBy
	}
	r.journal.Add(e)
	r.tail.add(e)
}

// scenarioOf makes the facts of a recorded decision.
func scenarioOf(e *journal.Entry) (policy.Scenario, error) {
	s := policy.Scenario{Now: e.Time, Request: policy.Request{
		Method: e.Method, Scheme: "https", Host: e.Host, Hostname: ticket.HostName(e.Host),
		RawPath: e.RawPath, Path: e.Path, RawQuery: e.RawQuery,
		Header: e.Header,
		Headers: func(yield func(name, value string) bool) {
			for _, h := range e.Headers {
				if !yield(h.Name, h.Value) {
					return
				}
			}
		},
	}}
	if e.IP != "" {
		ip, err := netip.ParseAddr(e.IP)
		if err != nil {
			return s, fmt.Errorf("recorded address: %w", err)
		}
		s.Request.IP = ip
	}
	if err := recordedCertificate(e.Cert, &s.Request.ClientCertificate); err != nil {
		return s, fmt.Errorf("recorded certificate: %w", err)
	}
	if e.Person != nil {
		if e.Person.JSON == nil {
			return s, fmt.Errorf("recorded person: %s", e.Person.Err)
		}
		s.Person = &policy.PersonData{}
		if err := decodeExact(e.Person.JSON, s.Person); err != nil {
			return s, fmt.Errorf("recorded person: %w", err)
		}
	}
	s.Records = recordedRecords(e.Records)
	return s, nil
}

// recordedCertificate reads what was recorded of a client's certificate; nil is
// nothing.
func recordedCertificate(from *journal.Certificate, to *policy.ClientCertificate) (err error) {
	if from == nil {
		return nil
	}
	to.Presented, to.Valid = from.Presented, from.Valid
	if len(from.LeafDER) > 0 {
		if to.Leaf, err = x509.ParseCertificate(from.LeafDER); err != nil {
			return err
		}
	}
	for _, der := range from.IntermediatesDER {
		one, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		to.Intermediates = append(to.Intermediates, one)
	}
	return nil
}

// decodeExact keeps every digit of a number, as the decision had it.
func decodeExact(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// recordedRecords are the external records that were looked up.
type recordedRecords []journal.Record

// Record is that of policy.Records.
func (r recordedRecords) Record(_ context.Context, typ string, key policy.RecordKey, value string) (*policy.Record, error) {
	for _, one := range r {
		if one.Type != typ || one.Key != string(key) || one.Value != value || one.Data == nil {
			continue
		}
		var data map[string]any
		if err := decodeExact(one.Data, &data); err != nil {
			return nil, fmt.Errorf("recorded record: %w", err)
		}
		return policy.NewRecord(data)
	}
	return nil, nil
}

// unknown says what of a recorded decision a policy reads that was not recorded;
// "" is nothing.
func unknown(e *journal.Entry, reads policy.Reads) string {
	switch {
	case reads.Volatile:
		return "hand-written Rego reads more than is recorded"
	case (reads.Query || len(reads.Parameters) > 0) && e.QueryHidden:
		return "the query was not recorded"
	case (reads.Certificate || reads.CertificateLeaf) && e.Cert == nil:
		return "the client certificate was not recorded"
	}
	for _, name := range reads.Headers {
		if !slices.Contains(e.HeaderNames, name) {
			return "the header " + name + " was not recorded"
		}
	}
	for _, want := range reads.Records {
		known := slices.ContainsFunc(e.Records, func(r journal.Record) bool {
			return r.Type == want.Type && (want.Key == "" || r.Key == string(want.Key))
		})
		if !known {
			return "the external record " + want.Type + " was not recorded"
		}
	}
	return ""
}
