package policy

import (
	"context"
	"testing"
)

// countedRecords counts how often it is asked.
type countedRecords struct {
	Records
	asked int
}

func (c *countedRecords) Record(ctx context.Context, typ string, key RecordKey, value string) (*Record, error) {
	c.asked++
	return c.Records.Record(ctx, typ, key, value)
}

// What a decision was made from is told as it was looked up, also where the
// decision is remembered, and nothing is looked up for the telling.
func TestADecisionTellsWhichRecordsItSaw(t *testing.T) {
	t.Parallel()
	p := program(t, "allow: {or: [{record: {type: laptop, field: os, is: linux}}]}")
	laptop := newRecord(t, laptopData())
	table := &countedRecords{Records: recordsTable{"laptop|user.email|ada@example.com": laptop}}
	f := signedIn(ada())
	f.Records = table
	var seen []RecordSeen
	f.Seen = func(r RecordSeen) { seen = append(seen, r) }
	for range 3 {
		seen, table.asked = nil, 0
		if d := p.Decide(t.Context(), f); d.Outcome != Allow {
			t.Fatalf("decided %+v", d)
		}
		want := []RecordSeen{
			{Type: "laptop", Key: KeyUserID, Value: "u-1"},
			{Type: "laptop", Key: KeyUserEmail, Value: "ada@example.com", Record: laptop},
		}
		if len(seen) != 2 || seen[0] != want[0] || seen[1] != want[1] {
			t.Errorf("saw %+v, want %+v", seen, want)
		}
		if table.asked != len(want) {
			t.Errorf("asked %d times for %d", table.asked, len(want))
		}
	}
}
