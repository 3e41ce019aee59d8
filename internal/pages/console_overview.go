package pages

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A ConsoleOverview says how everything is.
type ConsoleOverview struct {
	Console
	Title, Lead string
	State       Cell
	Problems    []string // hostile
	Pairs       []Pair
	Charts      []Chart
	Ranking     Ranking
	Parts       []Part
}

// ConsoleOverview renders v.
func (p *Pages) ConsoleOverview(v ConsoleOverview) Answer {
	return p.console("console_overview", http.StatusOK, v.Title, v.Frame, v)
}

// A Chart is drawn by us, in SVG, from zero on, with the same figures as a table
// below it.
type Chart struct {
	ID     string // of its element, unique on the page
	Title  string
	Note   string // a sentence below
	Line   bool   // one line instead of bars that stand on each other
	Times  []time.Time
	Series []Series
}

// A Series is one sort of figures, one for each time.
type Series struct {
	Label  string
	Tone   Tone
	Values []uint64
}

// The size of a chart, in its own units.
const chartWide, chartHigh, chartGap = 720, 160, 6

// A bar is one rectangle.
type bar struct {
	X, Y, Width, Height float64
	Tone                Tone
}

// Max is the highest that is drawn.
func (c Chart) Max() (most uint64) {
	for i := range c.Times {
		sum := uint64(0)
		for _, s := range c.Series {
			sum += s.at(i)
		}
		most = max(most, sum)
	}
	return most
}

func (s Series) at(i int) uint64 {
	if i < len(s.Values) {
		return s.Values[i]
	}
	return 0
}

// Bars are those of a chart of bars, what is nothing left out.
func (c Chart) Bars() []bar {
	most := c.Max()
	if most == 0 {
		return nil
	}
	var out []bar
	step := float64(chartWide) / float64(len(c.Times))
	for i := range c.Times {
		y := float64(chartHigh)
		for _, s := range c.Series {
			high := float64(s.at(i)) / float64(most) * chartHigh
			if high == 0 {
				continue
			}
			y -= high
			out = append(out, bar{X: float64(i)*step + chartGap/2, Y: y, Width: step - chartGap, Height: high, Tone: s.Tone})
		}
	}
	return out
}

// Points are those of a line.
func (c Chart) Points() string {
	most := c.Max()
	if most == 0 || len(c.Series) == 0 || len(c.Times) < 2 {
		return ""
	}
	var b strings.Builder
	for i := range c.Times {
		x := float64(i) / float64(len(c.Times)-1) * chartWide
		fmt.Fprintf(&b, "%.1f,%.1f ", x, chartHigh-float64(c.Series[0].at(i))/float64(most)*chartHigh)
	}
	return strings.TrimSpace(b.String())
}

// First and Last are the ends of the axis.
func (c Chart) First() time.Time { return c.Times[0] }
func (c Chart) Last() time.Time  { return c.Times[len(c.Times)-1] }

// A chartRow is one line of the table.
type chartRow struct {
	Time   time.Time
	Values []uint64
}

// Rows are the figures, the newest first.
func (c Chart) Rows() []chartRow {
	out := make([]chartRow, len(c.Times))
	for i, t := range c.Times {
		row := chartRow{Time: t}
		for _, s := range c.Series {
			row.Values = append(row.Values, s.at(i))
		}
		out[len(out)-1-i] = row
	}
	return out
}

// A Ranking is a list of counts, the largest first, with a bar beside each.
type Ranking struct {
	Title       string
	Name, Count string // of the columns
	Rows        []Ranked
	Empty       string
}

// A Ranked is one line of it.
type Ranked struct {
	Name  string // hostile
	Link  string
	Count uint64
}

// Share is what r is of the largest, in percent.
func (k Ranking) Share(r Ranked) uint64 {
	if len(k.Rows) == 0 || k.Rows[0].Count == 0 {
		return 0
	}
	return max(1, r.Count*100/k.Rows[0].Count)
}
