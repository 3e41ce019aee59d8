package journal

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is written by hand is what encoding/json makes of a line.
func TestALineIsThatOfEncodingJSON(t *testing.T) {
	t.Parallel()
	hidden := full()
	hidden.QueryHidden = true
	escaped := full()
	escaped.AllowReasons, escaped.HeaderNames = []string{"a\"b", "\xff", ""}, []string{"<é>"}
	escaped.Headers = []Header{{"A\"\xff", "\t"}, {"B", ""}}
	for _, e := range []*Entry{full(), simple(1), {Time: start}, hidden, escaped, {Time: start, Cert: &Certificate{Valid: true}}, {Time: start, Cert: &Certificate{IntermediatesDER: [][]byte{{1}}}}} {
		for _, at := range []int{-1, 0, 12} {
			got, err := appendLine(nil, e, at)
			if err != nil {
				t.Fatal(err)
			}
			l := newLine(e)
			if at >= 0 {
				l.Person = &linePerson{At: &at}
			}
			want, err := json.Marshal(&l)
			if err != nil {
				t.Fatal(err)
			}
			if first, second := decoded(t, got), decoded(t, want); !reflect.DeepEqual(first, second) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	}
	if _, err := appendLine(nil, &Entry{Time: start, Records: []Record{{Data: []byte("{")}}}, -1); err == nil {
		t.Error("a record that is not JSON was written")
	}
	if _, err := appendLine(nil, &Entry{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, -1); err == nil {
		t.Error("a time that is not of JSON was written")
	}
}

// Every field but the two that may differ keeps entries apart.
func TestAlikeLooksAtEveryField(t *testing.T) {
	t.Parallel()
	changed := func(v reflect.Value) bool {
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Uint64:
			v.SetUint(v.Uint() - 1)
		case reflect.Slice:
			v.Set(v.Slice(0, v.Len()-1))
		case reflect.Pointer:
			v.SetZero()
		default:
			return false
		}
		return true
	}
	for i := range reflect.TypeFor[Entry]().NumField() {
		name := reflect.TypeFor[Entry]().Field(i).Name
		a, b := full(), full()
		b.Person = a.Person
		if name == "RequestID" || name == "Time" {
			b.RequestID, b.Time = "other", start.Add(time.Hour)
			if likenessOf(a) != likenessOf(b) || !a.alike(b) {
				t.Errorf("%s keeps entries apart", name)
			}
			continue
		}
		if !changed(reflect.ValueOf(b).Elem().Field(i)) {
			t.Fatalf("%s: how is it changed?", name)
		}
		if likenessOf(a) == likenessOf(b) && a.alike(b) {
			t.Errorf("entries that differ in %s are alike", name)
		}
	}
	for name, change := range map[string]func(*Entry){
		"a header":        func(e *Entry) { e.Headers[0].Value = "x" },
		"the certificate": func(e *Entry) { e.Cert.LeafDER[0]++ },
		"an intermediate": func(e *Entry) { e.Cert.IntermediatesDER[1] = []byte{2} },
		"no record":       func(e *Entry) { e.Records[0].Data = nil },
		"a record":        func(e *Entry) { e.Records[0].Data = []byte(`{}`) },
		"a later record":  func(e *Entry) { e.Records[1].Later = new(Later) },
		"a reason":        func(e *Entry) { e.AllowReasons[0] = "x" },
	} {
		a, b := full(), full()
		b.Person = a.Person
		if change(b); likenessOf(a) == likenessOf(b) && a.alike(b) {
			t.Errorf("entries that differ in %s are alike", name)
		}
	}
}

func TestEntriesThatAreAlikeAreWrittenOnceAndReadEach(t *testing.T) {
	t.Parallel()
	o := options(t)
	j := open(t, o)
	people := []*Person{person("a@example.com", nil), person("b@example.com", nil)}
	var want []Entry
	for i := range 300 {
		e := full()
		e.RequestID, e.Time, e.Person = fmt.Sprintf("request-%03d", i), start.Add(time.Duration(i)), people[i%2]
		if i%3 == 0 {
			e.Outcome = "allow"
		}
		settled := *e
		settled.Person = e.Person.settled()
		want = append(want, settled)
		j.Add(e)
	}
	p := newPacker()
	for _, e := range j.waiting {
		if err := p.add(e); err != nil {
			t.Fatal(err)
		}
	}
	if p.lines != 4 || p.count != 300 {
		t.Errorf("%d of %d entries are written in full, want 4 of 300", p.lines, p.count)
	}
	flushed(t, j)
	if n := j.Stats().Entries; n != 300 {
		t.Errorf("%d entries are counted", n)
	}
	got, err := Collect(j.Read(t.Context(), time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := same(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, i := range []int{0, 1, 150, 299} {
		if e, err := j.Find(t.Context(), want[i].RequestID); err != nil || same(want[i], e) != "" {
			t.Errorf("entry %d: %v\n%s", i, err, same(want[i], e))
		}
	}
}

func TestALikenessIsCheckedBehindItsSeal(t *testing.T) {
	t.Parallel()
	part := func(kind byte, data string) string { return string(kind) + string(byte(len(data))) + data }
	entry := part(partEntry, `{"request_id":"a","time":"2026-03-01T09:00:00Z"}`)
	if got, err := entries([]byte(entry+part(partAgain, `{"at":0,"request_id":"b","time":"2026-03-01T09:00:00Z"}`)), nil); err != nil || !slices.Equal(ids(got), []string{"a", "b"}) {
		t.Errorf("read %v, %v", ids(got), err)
	}
	for _, bad := range []string{`{"at":1}`, `{"at":-1}`, `{"at":0,"host":"x"}`, `{`, `{"at":99999999999999999999}`} {
		if _, err := entries([]byte(entry+part(partAgain, bad)), nil); err == nil || strings.Contains(err.Error(), "panic") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func decoded(t *testing.T, data []byte) (l line) {
	t.Helper()
	if err := strict(data, &l); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return l
}

// A record that was seen and cannot be written must not read as one that was
// absent.
func TestRecordsAreMadeWhenTheyAreWritten(t *testing.T) {
	t.Parallel()
	j := open(t, options(t))
	made := 0
	good := &Later{Data: func() ([]byte, error) { made++; return []byte(`{"n": 1.0}`), nil }}
	for i := range 50 {
		e := simple(i)
		e.Records = []Record{
			{Type: "gone", Key: "k"}, {Type: "good", Key: "k", Later: good},
			{Type: "error", Later: &Later{Data: func() ([]byte, error) { return nil, fmt.Errorf("no") }}},
		}
		if i > 0 {
			e.Records = j.waiting[0].Records
		}
		j.Add(e)
	}
	if made != 0 {
		t.Error("a record was made on the request path")
	}
	for _, data := range []string{"", "{", "\"\xff\""} {
		e := simple(100)
		e.Records = []Record{{Type: "bad", Later: &Later{Data: func() ([]byte, error) { return []byte(data), nil }}}}
		j.Add(e)
	}
	j.flush()
	if made != 1 {
		t.Errorf("made %d times for 50 entries that are alike", made)
	}
	got, err := Collect(j.Read(t.Context(), time.Time{}))
	if err != nil || len(got) != 53 {
		t.Fatalf("read %d, %v", len(got), err)
	}
	for i, e := range got {
		want := []Record{{Type: "gone", Key: "k"}, {Type: "good", Key: "k", Data: []byte(`{"n":1.0}`)}}
		if i >= 50 {
			want = nil
		}
		if diff := same(want, e.Records); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", i, diff)
		}
	}
}
