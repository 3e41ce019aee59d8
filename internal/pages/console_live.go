package pages

import "encoding/json"

// Live is a table that can grow at its top while it is read. The zero value is
// one that does not. Without scripts the page is whole, and as it was.
type Live struct {
	URL         string // of the events, on this host
	Start, Stop string // what the button says
	Ended       string // shown when nothing more will come
	Missed      string // shown when rows were left out
}

// LiveRow is a row as the script that fills a live table reads it, in one line.
// Hostile texts are cleaned as in a page.
func (p *Pages) LiveRow(r Row) []byte {
	type cell struct {
		Text string `json:"text,omitempty"`
		Sub  string `json:"sub,omitempty"`
		Tone Tone   `json:"tone,omitempty"`
		Time string `json:"time,omitempty"`
		Link string `json:"link,omitempty"`
	}
	type action struct {
		Text string `json:"text"`
		Link string `json:"link"`
	}
	out := struct {
		Cells   []cell   `json:"cells"`
		Actions []action `json:"actions"`
	}{[]cell{}, []action{}}
	for _, c := range r.Cells {
		one := cell{Text: clean(c.Text, maxValue), Sub: clean(c.Sub, maxValue), Tone: c.Tone, Link: string(href(c.Link))}
		if !c.Time.IsZero() {
			one.Time = stamp(c.Time)
		}
		out.Cells = append(out.Cells, one)
	}
	for _, a := range r.Actions {
		if to := href(a.URL); to != "" {
			out.Actions = append(out.Actions, action{a.Label, string(to)})
		}
	}
	raw, err := json.Marshal(out)
	if err != nil { // texts: cannot be
		panic(err)
	}
	return raw
}
