package main

import (
	"testing"

	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"gopkg.in/yaml.v3"
)

func TestAHiddenQueryIsUnknownToWhoReadsItsParameters(t *testing.T) {
	t.Parallel()
	e := &journal.Entry{QueryHidden: true}
	for _, reads := range []policy.Reads{{Query: true}, {Parameters: []string{"env"}}} {
		if unknown(e, reads) == "" {
			t.Errorf("%+v: nothing is unknown", reads)
		}
	}
}

// 2^53+1 is no float64.
func TestRecordedNumbersStayExact(t *testing.T) {
	t.Parallel()
	e := &journal.Entry{
		Person:  &journal.Person{JSON: []byte(`{"user_id":"a","claims":{"id":9007199254740993}}`)},
		Records: []journal.Record{{Type: "mdm", Key: "user.id", Value: "a", Data: []byte(`{"id":9007199254740993}`)}},
	}
	p := compiled(t, `allow: {and: [{claim/id: "9007199254740993"}, {record: {type: mdm, field: id, is: 9007199254740993}}]}`)
	s, err := scenarioOf(e)
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Decide(t.Context(), s.Facts()); d.Outcome != policy.Allow {
		t.Errorf("decided %+v", d)
	}
}

func compiled(t *testing.T, ppl string) *policy.Program {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(ppl), &n); err != nil {
		t.Fatal(err)
	}
	doc, err := policy.ParseNode(n.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(policy.Compiler).Compile(t.Context(), policy.Source{Documents: []*policy.Document{doc}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
