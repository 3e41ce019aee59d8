package console

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Bounds of a page, in rows, and of texts, in bytes.
const (
	defaultPage = 50
	maxPage     = 500
	maxSearch   = 256
	maxCursor   = 8 << 10
	maxSortText = 128
)

// sortText is what texts are ordered by: without case, and bounded, since it
// becomes part of cursors.
func sortText(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	return strings.ToValidUTF8(s[:min(len(s), maxSortText)], "")
}

// A place is where a row stands in an order. Numbers come before texts, and the
// id decides between equals, so that no two rows share a place.
type place struct {
	Number int64  `json:"n,omitempty"`
	Text   string `json:"t,omitempty"`
	ID     string `json:"i"`
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.Number, o.Number), cmp.Compare(p.Text, o.Text), cmp.Compare(p.ID, o.ID))
}

// An order gives every row its place.
type order[R any] struct {
	name string
	of   func(*R) place
	desc bool // its own direction
}

// A listing picks a page out of rows: first everything that matches is counted,
// and of it the rows next after the cursor are kept.
type listing[R any] struct {
	order order[R]
	desc  bool
	size  int
	after *place

	total int
	kept  []placed[R]
	bound *place // what is not before it is on no page of ours; nil is no bound yet
}

type placed[R any] struct {
	place
	row *R
}

// newListing reads the wishes of a request. orders are those that the list
// knows; the first is its own.
func newListing[R any](p *consolepb.PageRequest, orders ...order[R]) (*listing[R], error) {
	l := &listing[R]{order: orders[0], size: defaultPage}
	if name := p.GetOrder(); name != "" {
		i := slices.IndexFunc(orders, func(o order[R]) bool { return o.name == name })
		if i < 0 {
			var names []string
			for _, o := range orders {
				names = append(names, o.name)
			}
			return nil, &Invalid{"page.order", "one of " + strings.Join(names, ", ")}
		}
		l.order = orders[i]
	}
	switch n := p.GetSize(); {
	case n < 0:
		return nil, &Invalid{"page.size", "a number from 1 to 500"}
	case n > 0:
		l.size = int(min(n, maxPage))
	}
	l.desc = l.order.desc != p.GetDescending()
	if c := p.GetCursor(); c != "" {
		at, err := readCursor(c, l.order.name)
		if err != nil {
			return nil, err
		}
		l.after = at
	}
	return l, nil
}

// A cursor is the place of the last row of a page. It holds what its reader has
// just been shown, and is checked like any other input.
type cursor struct {
	Order string `json:"o"`
	place
}

func readCursor(s, order string) (*place, error) {
	wrong := &Invalid{"page.cursor", "the cursor of a page in the same order"}
	if len(s) > maxCursor {
		return nil, wrong
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	var c cursor
	if err != nil || json.Unmarshal(raw, &c) != nil || c.Order != order {
		return nil, wrong
	}
	return &c.place, nil
}

func (l *listing[R]) compare(a, b place) int {
	if l.desc {
		return b.compare(a)
	}
	return a.compare(b)
}

// add counts a row that matches and keeps it if it may be on the page.
func (l *listing[R]) add(r *R) {
	l.total++
	at := l.order.of(r)
	if l.after != nil && l.compare(at, *l.after) <= 0 {
		return
	}
	if l.bound != nil && l.compare(at, *l.bound) >= 0 {
		return
	}
	// Sorted and cut whenever it has grown to thrice a page: cheaper than sorting
	// everything, since most rows are past the bound by then.
	if l.kept = append(l.kept, placed[R]{at, r}); len(l.kept) >= 3*(l.size+1) {
		l.cut()
	}
}

// cut keeps a page and one row more, which says whether there is a next one.
func (l *listing[R]) cut() {
	slices.SortFunc(l.kept, func(a, b placed[R]) int { return l.compare(a.place, b.place) })
	clear(l.kept[min(len(l.kept), l.size+1):])
	if l.kept = l.kept[:min(len(l.kept), l.size+1)]; len(l.kept) > l.size {
		l.bound = &l.kept[l.size].place
	}
}

// page returns the rows and where they lie.
func (l *listing[R]) page() ([]*R, *consolepb.PageResponse) {
	l.cut()
	out := &consolepb.PageResponse{Total: int32(l.total)}
	if len(l.kept) > l.size {
		l.kept = l.kept[:l.size]
		raw, err := json.Marshal(cursor{l.order.name, l.kept[l.size-1].place})
		if err != nil { // texts and a number: cannot be
			panic(err)
		}
		out.Next = base64.RawURLEncoding.EncodeToString(raw)
	}
	rows := make([]*R, len(l.kept))
	for i, k := range l.kept {
		rows[i] = k.row
	}
	return rows, out
}

// searchText readies what a list is searched for.
func searchText(s string) (string, error) {
	if len(s) > maxSearch {
		return "", &Invalid{"search", "at most 256 bytes"}
	}
	return strings.ToLower(strings.TrimSpace(s)), nil
}
