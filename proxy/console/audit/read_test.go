package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/google/go-cmp/cmp"
)

// story appends what the tests below read: three changes, one of them refused
// and one without an end.
func story(t testing.TB, l *Log) {
	t.Helper()
	for i, e := range []struct {
		change, actor string
		action        Action
		object, id    string
		subject       string
		result        Result
		problem       string
	}{
		{"c1", "Ada", "session.revoke", "session", "s1", "idp/bob", Begun, ""},
		{"c2", "Bob", "device.approve", "device", "d1", "idp/eve", Begun, ""},
		{"c1", "Ada", "session.revoke", "session", "s1", "idp/bob", Done, ""},
		{"c3", "Eve", "device.delete", "device", "d1", "idp/eve", Refused, ""},
		{"c2", "Bob", "device.approve", "device", "d1", "idp/eve", Failed, "the store is away"},
		{"c4", "Ada", "device.approve", "device", "d2", "idp/bob", Begun, ""},
	} {
		one := Entry{
			Time: testTime.Add(time.Duration(i) * time.Minute), Change: e.change,
			Actor:  Actor{Name: e.actor, Email: strings.ToLower(e.actor) + "@example.com", UserKey: "idp/" + strings.ToLower(e.actor), Via: ViaGRPC, SessionID: fmt.Sprint(i)},
			Action: e.action, ObjectType: e.object, ObjectID: e.id, Subject: e.subject, Result: e.result,
		}
		if e.problem != "" {
			one.Details = map[string]string{"problem": e.problem}
		}
		if _, err := l.Append(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
}

// brief is a row in short.
func brief(r Row) string {
	s := fmt.Sprintf("%d %s %s %s", r.Sequence, r.Actor.Name, r.Action, r.Outcome)
	if r.End != 0 {
		s += fmt.Sprintf(" by %d", r.End)
	}
	if r.Problem != "" {
		s += ": " + r.Problem
	}
	if r.Damaged != "" {
		s = fmt.Sprintf("%d %s", r.Sequence, r.Damaged)
	}
	return s
}

func read(t testing.TB, l *Log, q Query) (rows []string, page Page) {
	t.Helper()
	page, err := l.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Rows {
		rows = append(rows, brief(r))
	}
	return rows, page
}

func TestRead(t *testing.T) {
	t.Parallel()
	l := newLog(t, newDial(t)())
	story(t, l)
	const (
		c1 = "1 Ada session.revoke done by 3"
		c2 = "2 Bob device.approve failed by 5: the store is away"
		c3 = "4 Eve device.delete refused"
		c4 = "6 Ada device.approve begun"
	)
	for _, tc := range []struct {
		name  string
		query Query
		want  []string
	}{
		{"everything, a row for each change", Query{}, []string{c4, c3, c2, c1}},
		{"every entry", Query{Each: true}, []string{
			c4, "5 Bob device.approve failed: the store is away", c3, "3 Ada session.revoke done",
			"2 Bob device.approve begun", "1 Ada session.revoke begun",
		}},
		{"an actor by part of the name", Query{Actor: " aDA"}, []string{c4, c1}},
		{"by the address", Query{Actor: "bob@"}, []string{c2}},
		{"by the key", Query{Actor: "idp/eve"}, []string{c3}},
		{"nobody", Query{Actor: "mallory"}, nil},
		{"an action", Query{Action: "device.approve"}, []string{c4, c2}},
		{"actions of one kind", Query{Action: "device."}, []string{c4, c3, c2}},
		{"no part of an action", Query{Action: "device"}, nil},
		{"a type", Query{Object: "device"}, []string{c4, c3, c2}},
		{"an object", Query{Object: "device/d1"}, []string{c3, c2}},
		{"an object of another type", Query{Object: "session/d1"}, nil},
		{"whom it is about", Query{Subject: "idp/bob"}, []string{c4, c1}},
		{"since", Query{Since: testTime.Add(time.Minute)}, []string{c4, c3, c2}},
		{"until", Query{Until: testTime.Add(3 * time.Minute)}, []string{c2, c1}},
		{"all of them at once", Query{Actor: "ada", Action: "device.", Object: "device/d2", Since: testTime}, []string{c4}},
	} {
		got, page := read(t, l, tc.query)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if page.Total != len(tc.want) || page.Next != 0 || page.Head.Sequence != 6 {
			t.Errorf("%s: total %d, next %d, head %d", tc.name, page.Total, page.Next, page.Head.Sequence)
		}
	}
}

func TestPagesHoldEveryRowOnce(t *testing.T) {
	t.Parallel()
	l := newLog(t, newDial(t)())
	fill(t, l, 23)
	for _, limit := range []int{1, 5, 22, 23, 24} {
		var got []uint64
		for q, first := (Query{Limit: limit}), true; first || q.Before != 0; first = false {
			page, err := l.Read(t.Context(), q)
			if err != nil || page.Total != 23 || len(page.Rows) > limit {
				t.Fatalf("%+v, %v", page, err)
			}
			for _, r := range page.Rows {
				got = append(got, r.Sequence)
			}
			q.Before = page.Next
			if len(got) == limit {
				fill(t, l, 0) // what is appended meanwhile is on earlier pages
			}
		}
		slices.Reverse(got)
		if len(got) != 23 || got[0] != 1 || !slices.IsSorted(got) {
			t.Errorf("pages of %d: %v", limit, got)
		}
	}
}

// TestReadersSeeWhatOthersAppend reads at one replica what another wrote, few
// and many at once.
func TestReadersSeeWhatOthersAppend(t *testing.T) {
	t.Parallel()
	dial := newDial(t)
	writer, reader := newLog(t, dial()), newLog(t, dial())
	total := 0
	for _, n := range []int{0, 1, 3, listFrom + 10, 2} {
		fill(t, writer, n)
		total += n
		if _, page := read(t, reader, Query{Limit: 5}); page.Total != total || total > 0 && page.Rows[0].Sequence != uint64(total) {
			t.Errorf("after %d more: %d of %d", n, page.Total, total)
		}
	}
}

func TestWhatIsDamagedIsShown(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} { // damaged before it is read first
		for _, n := range []int{12, listFrom + 12} {
			b := bend(newDial(t)())
			l := newLog(t, b)
			e := fill(t, newLog(t, b.Broker), n)
			if !early {
				read(t, l, Query{})
			}
			b.remove(uint64(n - 1))
			b.err[entryID(uint64(n-2))] = databroker.ErrTampered
			e[n-5].Subject = "x"
			b.put(b.rehash(e[n-5]))
			rows, page := read(t, l, Query{Limit: 4})
			want := []string{
				fmt.Sprintf("%d Ada Lovelace device.approve done", n),
				fmt.Sprintf("%d read entry %d of the audit: databroker: no such record", n-1, n-1),
				fmt.Sprintf("%d audit: the chain is broken: entry %d does not open", n-2, n-2),
			}
			if diff := cmp.Diff(want, rows[:3]); diff != "" || page.Total != n {
				t.Errorf("%d entries, early %v: total %d (-want +got):\n%s", n, early, page.Total, diff)
			}
			if n == 12 && !early {
				rows, _ = read(t, l, Query{Before: uint64(n - 2), Limit: 2})
				if !strings.Contains(rows[1], "another one than it was") {
					t.Errorf("an exchanged entry is shown as %q", rows[1])
				}
			}
		}
	}
}

// many writes n entries in batches, as a log would have.
func many(t testing.TB, c *databroker.Client, n int) {
	t.Helper()
	var previous Hash
	var last Entry
	for first := 1; first <= n; first += databroker.MaxWrites {
		var writes []databroker.Write
		for i := first; i <= min(n, first+databroker.MaxWrites-1); i++ {
			e := full(i)
			e.Sequence, e.Previous = uint64(i), previous
			e.Actor.Email = fmt.Sprintf("admin%d@example.com", i%200)
			e.Action = []Action{"session.revoke", "device.approve", "user.disable", "grant.create"}[i/2%4]
			e.Result = []Result{Begun, Done}[(i+1)%2]
			e.Change = fmt.Sprint("change-", (i+1)/2)
			e.Hash = e.sum()
			previous, last = e.Hash, e
			writes = append(writes, databroker.Write{Type: typeEntry, ID: entryID(e.Sequence), Data: e.record()})
		}
		results, err := c.WriteAll(t.Context(), writes)
		for _, r := range results {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h := signed(last, testKey)
	if _, err := c.Put(t.Context(), databroker.Write{Type: typeHead, ID: headID, Data: h.record()}); err != nil {
		t.Fatal(err)
	}
}
