package pages

import (
	"testing"
	"time"
)

// sampleConsoleLive is a table that grows, before its first row.
func sampleConsoleLive() ConsoleList {
	v := sampleConsoleList()
	v.Title, v.Count, v.Actions, v.First, v.Next = "Decisions", "", nil, "", ""
	v.Search.More = append(v.Search.More, Filter{Name: "since", Label: "From (UTC)", Kind: "datetime-local", Value: "2026-09-02T10:00"})
	v.Table.Rows, v.Table.Open, v.Table.Empty = nil, true, "Nothing matches."
	v.Live = Live{URL: "/decisions/live", Start: "Show new ones as they come", Stop: "Stop", Ended: "Nothing more will come.", Missed: "Some are missing."}
	return v
}

func sampleRules() []Rule {
	leaf := func(text string, is bool) Rule {
		return Rule{Text: text, Place: "policies/ops.yaml:7", Read: []string{`email = ada@analytical.example`, "group is not there"}, True: is}
	}
	all := Rule{Text: "and", Place: "policies/ops.yaml:5", Children: []Rule{leaf(`groups: {has: operations}`, true), leaf(`device: {approved: true}`, false)}}
	all.Children[1].Decided = true
	return []Rule{{Text: "policy operations", Place: "policies/ops.yaml:1", Note: "on every route", Children: []Rule{{Text: "rules", Children: []Rule{all, leaf(`domain: {is: "analytical.example"}`, false)}}}}}
}

func sampleConsoleExplain() ConsoleExplain {
	return ConsoleExplain{
		Console: sampleConsole(), Title: "Why this was decided", Back: Action{"All decisions", "/decisions"},
		Pairs:   []Pair{{"Decided then", Cell{Text: "Denied", Tone: ToneDeny}}, {"Request ID", Cell{Text: sampleID, Code: true, Copy: "request-id"}}},
		Remarks: []string{"the policy of the route has changed since: this is what it says now"},
		Verdict: RuleVerdict{
			State: Cell{Text: "Denied", Tone: ToneDeny}, Why: "no rule allows", Decided: []string{"device: {approved: true} (policies/ops.yaml:7)"},
			Needs: []string{"a device that is approved"}, Satisfies: []string{"and (policies/ops.yaml:5)"}, Error: "an error", Warning: "A warning.", NoChange: "none",
			Trees: []RuleTree{{Title: "What allows", Rules: sampleRules()}, {Title: "What hand-written rules add", Facts: []string{"note = 1"}}},
		},
		Ask: Ask{Title: "Ask about a request", Action: "/explain", Rows: sampleConsoleForm().Rows, Button: "Explain"},
	}
}

func sampleConsoleOverview() ConsoleOverview {
	v := ConsoleOverview{
		Console: sampleConsole(), Title: "Overview", State: Cell{Text: "Something needs you", Tone: ToneDeny},
		Problems: []string{"config.yaml:12: routes[2].to: want an absolute https URL"},
		Pairs:    []Pair{{"Version", Cell{Text: "1.4.0"}}, {"Envoy", Cell{Text: "Answers", Tone: ToneAllow, Sub: "started again 2 times"}}},
		Ranking: Ranking{Title: "Why requests were refused", Name: "Reason", Count: "Requests", Rows: []Ranked{
			{Name: "groups-unauthorized", Count: 120}, {Name: "not-found", Link: "/decisions?outcome=not-found", Count: 3},
		}},
		Parts: []Part{{ID: "certificates", Title: "Certificates", Empty: "There is none."}},
	}
	bars := Chart{ID: "requests", Title: "Requests", Series: []Series{{Label: "Allowed", Tone: ToneAllow}, {Label: "Asked to sign in", Tone: ToneWait}, {Label: "Refused", Tone: ToneDeny}}}
	line := Chart{ID: "sign-ins", Title: "Sign-ins", Note: "A note.", Line: true, Series: []Series{{Label: "Sign-ins"}}}
	for i := range 24 {
		at := sampleNow.Add(time.Duration(i-23) * time.Hour)
		bars.Times, line.Times = append(bars.Times, at), append(line.Times, at)
		for k := range bars.Series {
			bars.Series[k].Values = append(bars.Series[k].Values, uint64((i*7+k*11)%40))
		}
		line.Series[0].Values = append(line.Series[0].Values, uint64(i*i%17))
	}
	v.Charts = []Chart{bars, line, {ID: "none", Title: "Nothing", Times: bars.Times, Series: []Series{{Label: "None"}}}}
	return v
}

func sampleConsoleUpload() ConsoleForm {
	return ConsoleForm{
		Console: sampleConsole(), Title: "Try a configuration", Lead: "Nothing is kept.", Action: "/replay", Upload: true, Status: 422,
		Problems: []string{"3: policy_dir: files cannot be read"}, Rows: []FormRow{{Name: "config", Label: "Configuration", Kind: "file", Required: true, Error: "It is wrong."}}, Button: "Try it",
	}
}

func sampleConsoleRoute() ConsoleDetail {
	v := sampleConsoleDetail()
	rules := sampleRules()
	rules[0].Plain = true
	v.Parts = []Part{{ID: "allow", Title: "What allows", Rules: rules}, {ID: "rego", Title: "What the rules become", Code: "package cardea\n\nallow if {\n\tinput.person\n}\n# \u202e"}}
	return v
}

// TestChartsAreHonest: from zero on, and to scale.
func TestChartsAreHonest(t *testing.T) {
	t.Parallel()
	c := Chart{Times: make([]time.Time, 2), Series: []Series{{Tone: ToneAllow, Values: []uint64{1, 3}}, {Tone: ToneDeny, Values: []uint64{1, 1}}}}
	bars := c.Bars()
	if c.Max() != 4 || len(bars) != 4 || bars[0].Height != chartHigh/4 || bars[0].Y+bars[0].Height != chartHigh || bars[3].Y != 0 {
		t.Errorf("%d %+v", c.Max(), bars)
	}
	c.Series = c.Series[:1]
	if got := c.Points(); got != "0.0,106.7 720.0,0.0" {
		t.Errorf("points %s", got)
	}
	k := Ranking{Rows: []Ranked{{Count: 1000}, {Count: 1}}}
	if k.Share(k.Rows[0]) != 100 || k.Share(k.Rows[1]) != 1 {
		t.Error("shares")
	}
	empty := Chart{Times: make([]time.Time, 2), Series: []Series{{Values: []uint64{0, 0}}}}
	if empty.Bars() != nil || empty.Points() != "" {
		t.Error("something is drawn of nothing")
	}
}

// sampleConsoleDialog is a form over a full table.
func sampleConsoleDialog() ConsoleForm {
	v, beneath := sampleConsoleForm(), sampleConsoleList()
	beneath.Table.Rows = beneath.Table.Rows[:8]
	v.Over = &Over{Label: "New enrollment", Title: beneath.Title, Table: beneath.Table, Close: Action{"Close", "/devices"}, Escape: true}
	return v
}

// sampleConsoleChoice is a table in a dialog.
func sampleConsoleChoice() ConsoleList {
	v := sampleConsoleList()
	v.Table.Rows = v.Table.Rows[:20]
	v.Over = sampleConsoleDialog().Over
	return v
}
