package audit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
	"golang.org/x/sync/errgroup"
)

// Bounds of a page, in rows.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// A Query picks rows, newest first. Its zero value is the newest of all.
type Query struct {
	Before uint64 // only entries with lower numbers, as Page.Next says; 0: from the newest on
	Limit  int    // 0 means DefaultLimit, more than MaxLimit means that

	Actor   string    // part of the name, the address or the key, without case
	Action  string    // an action, or its beginning up to the dot, such as "device."
	Object  string    // a type, or type/id
	Subject string    // key of the person whom it is about
	Since   time.Time // zero is always
	Until   time.Time // before it; zero is always

	// Each shows every entry by itself. Otherwise a change is one row: that which begins
	// it, with what became of it.
	Each bool
}

// A Row is an entry, and what became of what it began.
type Row struct {
	Entry
	Outcome Result `json:"outcome"`           // that of the entry where it stands alone
	End     uint64 `json:"end"`               // number of the entry that says the outcome; 0: none does
	Problem string `json:"problem,omitempty"` // why a change failed
	// Damaged says what is wrong with the entry; then nothing else of it counts
	// but Sequence.
	Damaged string `json:"damaged,omitempty"`
}

// A Page is a part of the audit.
type Page struct {
	Rows  []Row  `json:"rows"`
	Total int    `json:"total"` // of rows that match, on this and all pages
	Next  uint64 `json:"next"`  // Before of the next page; 0: there is none
	Head  Head   `json:"head"`
}

// Read returns one page. The entries on it are read from the store anew.
func (l *Log) Read(ctx context.Context, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	var page Page
	var hashes []Hash
	err := l.withIndex(ctx, func(x *index) error {
		page.Rows, hashes, page.Total, page.Next = x.pick(&q)
		l.mu.Lock()
		page.Head = l.seen
		l.mu.Unlock()
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(fetchers)
	for i := range page.Rows {
		g.Go(func() error { return l.fill(ctx, &page.Rows[i], hashes[i]) })
	}
	if err := g.Wait(); err != nil {
		return Page{}, err
	}
	return page, nil
}

// Entry returns the entry of one number, or databroker.ErrNotFound.
func (l *Log) Entry(ctx context.Context, sequence uint64) (Entry, error) {
	return l.entry(ctx, sequence)
}

// fill reads the entry of a row that the index found by its hash.
func (l *Log) fill(ctx context.Context, r *Row, hash Hash) error {
	if r.Damaged != "" {
		return nil
	}
	e, err := l.entry(ctx, r.Sequence)
	switch {
	case errors.Is(err, ErrBroken), errors.Is(err, databroker.ErrNotFound):
		r.Damaged = err.Error()
		return nil
	case err != nil:
		return err
	case e.Hash != hash:
		r.Damaged = fmt.Sprintf("entry %d is another one than it was when it was read first", r.Sequence)
		return nil
	}
	r.Entry = e
	if r.Outcome != Failed {
		return nil
	}
	if r.End != 0 {
		if e, err = l.entry(ctx, r.End); err != nil {
			return nil // its own row says so
		}
	}
	r.Problem = e.Details["problem"]
	return nil
}

// pick finds what is on a page of q.
func (x *index) pick(q *Query) (rows []Row, hashes []Hash, total int, next uint64) {
	m := matcher{Query: q, actors: x.match(q.Actor)}
	m.objectType, m.objectID, m.byID = strings.Cut(q.Object, "/")
	rows = []Row{} // in JSON a list, also of none
	last := uint64(0)
	for i := len(x.rows) - 1; i >= 0; i-- {
		r, sequence := &x.rows[i], uint64(i+1)
		if !m.matches(r) {
			continue
		}
		total++
		switch {
		case q.Before != 0 && sequence >= q.Before:
		case len(rows) == q.Limit:
			next = last
		default:
			one := Row{Entry: Entry{Sequence: sequence, Time: r.at()}, Outcome: r.result, Damaged: r.damaged}
			if r.end != 0 && !q.Each {
				one.Outcome, one.End = r.outcome, r.end
			}
			last, rows = sequence, append(rows, one)
			hashes = append(hashes, r.hash)
		}
	}
	return rows, hashes, total, next
}

// match says of each actor whether search finds it; nil is all of them.
func (x *index) match(search string) []bool {
	if search = strings.ToLower(strings.TrimSpace(search)); search == "" {
		return nil
	}
	out := make([]bool, len(x.actors))
	for i, a := range x.actors {
		for _, s := range []string{a.Name, a.Email, a.UserKey} {
			out[i] = out[i] || strings.Contains(strings.ToLower(s), search)
		}
	}
	return out
}

type matcher struct {
	*Query
	actors               []bool
	objectType, objectID string
	byID                 bool
}

// matches reports whether r is wanted. Of a damaged entry nothing is known: it
// is found by every query, so that no filter hides it.
func (m *matcher) matches(r *row) bool {
	switch {
	case r.damaged != "":
		return true
	case r.ends && !m.Each,
		m.actors != nil && !m.actors[r.actor],
		m.objectType != "" && m.objectType != r.objectType,
		m.byID && m.objectID != r.objectID,
		m.Subject != "" && m.Subject != r.subject,
		!m.Since.IsZero() && r.time < m.Since.UnixMilli(),
		!m.Until.IsZero() && r.time >= m.Until.UnixMilli():
		return false
	case m.Action == "":
		return true
	case strings.HasSuffix(m.Action, "."):
		return strings.HasPrefix(string(r.action), m.Action)
	}
	return m.Action == string(r.action)
}
