package console

import (
	"fmt"
	"net/url"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// withQuery returns a path with parameters, given as name, value, name, value;
// empty values are left out.
func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// A tableQuery is what the address of a table says: what is looked for, the
// filters, the order and the page.
type tableQuery struct {
	path    string
	values  url.Values // without done
	filters []string   // names of the parameters that narrow, besides q
}

func (v visit) table(path string, filters ...string) tableQuery {
	values := v.r.URL.Query()
	values.Del("done")
	return tableQuery{path, values, filters}
}

func (t tableQuery) get(name string) string { return t.values.Get(name) }

// page is the wish for a page that the service reads.
func (t tableQuery) page() *consolepb.PageRequest {
	return &consolepb.PageRequest{Cursor: t.get("cursor"), Order: t.get("order"), Descending: t.get("turn") != ""}
}

// with returns the address with one parameter changed, on the first page.
func (t tableQuery) with(changes ...string) string {
	pairs := []string{"q", t.get("q"), "order", t.get("order"), "turn", t.get("turn")}
	for _, f := range t.filters {
		pairs = append(pairs, f, t.get(f))
	}
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
	}
	var flat []string
	for name := range q {
		flat = append(flat, name, q.Get(name))
	}
	return withQuery(t.path, flat...)
}

// pager returns the addresses of the first and the next page.
func (t tableQuery) pager(p *consolepb.PageResponse) (first, next string) {
	if t.get("cursor") != "" {
		first = t.with()
	}
	if p.GetNext() != "" {
		next = t.with("cursor", p.GetNext())
	}
	return first, next
}

// column heads a column that can be sorted by. own says that the table is in
// this order when its address says nothing; desc that the order begins with the
// largest.
func (t tableQuery) column(word, order string, own, desc bool) pages.Column {
	c := pages.Column{Label: say(word)}
	here := t.get("order") == order || own && t.get("order") == ""
	turned := t.get("turn") != ""
	if !here {
		c.SortURL = t.with("order", order, "turn", "")
		return c
	}
	if c.Sorted = "ascending"; desc != turned {
		c.Sorted = "descending"
	}
	turn := "1"
	if turned {
		turn = ""
	}
	c.SortURL = t.with("order", order, "turn", turn)
	return c
}

// search is the form above the table.
func (t tableQuery) search(word string, filters ...pages.Filter) pages.Search {
	s := pages.Search{Label: say(word), Value: t.get("q"), Filters: filters}
	narrowed := s.Value != ""
	for _, f := range t.filters {
		narrowed = narrowed || t.get(f) != ""
	}
	if narrowed {
		s.Clear = t.path
	}
	for _, name := range []string{"order", "turn"} {
		if t.get(name) != "" {
			s.Hidden = append(s.Hidden, pages.Field{Name: name, Value: t.get(name)})
		}
	}
	return s
}

// filter offers values for a parameter; values and their words go in pairs.
func (t tableQuery) filter(name, word string, pairs ...string) pages.Filter {
	f := pages.Filter{Name: name, Label: say(word), Options: []pages.Option{{Label: say("any"), Chosen: t.get(name) == ""}}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Options = append(f.Options, pages.Option{Value: pairs[i], Label: pairs[i+1], Chosen: t.get(name) == pairs[i]})
	}
	return f
}

// countOf says how many there are.
func countOf(word string, n int32) string {
	if n == 1 {
		return say(word + ".one")
	}
	return fmt.Sprintf(say(word+".many"), n)
}
