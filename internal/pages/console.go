package pages

import (
	"net/http"
	"slices"
	"time"
)

// Console is what surrounds every page of the console. Its texts are sentences
// of the console's own, whole and with hostile parts already cleaned by Line;
// fields that hold hostile text say so and are cleaned here.
type Console struct {
	Frame
	Sections []Section // the navigation
	Role     string    // of the person, in words
	Notice   Notice    // what has just been done; the zero value is nothing
	Token    string    // goes with every form of the page
	Over     *Over     // the page is a modal dialog over another; nil is none
	Acting   Acting    // while the person acts as another; the zero value is not
}

// Acting says whom somebody acts as, and until when.
type Acting struct {
	Text  string // up to the time
	Until time.Time
	Stop  Action
}

// around is what the layout takes of a view of the console.
func (c Console) around() Console { return c }

// Over is the page that a modal dialog lies on. It is seen and out of reach:
// the dialog needs no script, and every step of it has an address.
type Over struct {
	Label  string // of the dialog, for those who hear it
	Title  string // of the page beneath
	Table  Table  // beneath
	Close  Action
	Escape bool // the key closes, too
}

// A Section is one entry of the navigation.
type Section struct {
	Label, URL string
	Here       bool // the page belongs to it
}

// A Notice is one sentence above a page.
type Notice struct {
	Text string
	Tone Tone
}

// A Tone colours a state or a notice; it never says anything alone.
type Tone string

// The tones.
const (
	ToneAllow Tone = "allow"
	ToneDeny  Tone = "deny"
	ToneWait  Tone = "wait"
	TonePlain Tone = "skip"
)

// A Table is a data table. Rows are in their order already.
type Table struct {
	Caption string // for those who hear the page
	Columns []Column
	Rows    []Row
	Empty   string // what would be here
	Open    bool   // rows may come: the table is there without any, too
}

// A Column heads one.
type Column struct {
	Label   string
	SortURL string // "" cannot be sorted by
	Sorted  string // "ascending", "descending" or ""
}

// A Row is one of a table: as many cells as there are columns, and what can be
// done with it.
type Row struct {
	Cells   []Cell
	Actions []Action
}

// A Cell holds one of: a state, a time, or text.
type Cell struct {
	Text  string    // hostile
	Sub   string    // hostile; a second, quieter line
	Link  string    // path of the console that Text leads to
	Code  bool      // Text is an id
	Copy  string    // element id under which Text can be copied; "" cannot
	Tone  Tone      // not "": Text is a state
	Time  time.Time // not zero: shown instead of Text
	Exact bool      // the time is written out
}

// A Pair is one line of a list of facts.
type Pair struct {
	Label string
	Cell
}

// A Search is the form above a table. It is sent by GET.
type Search struct {
	Label   string
	Value   string // hostile
	Filters []Filter
	More    []Filter // folded away, unless one of them is in use
	Hidden  []Field
	Clear   string // URL without any of it; "" where nothing is looked for
}

// Unfolded reports whether one of More is in use.
func (s Search) Unfolded() bool {
	return slices.ContainsFunc(s.More, func(f Filter) bool { return f.Value != "" })
}

// A Filter narrows a table by one of a few values.
type Filter struct {
	Name, Label string
	Options     []Option
	Kind        string // of an input for a text, such as "text"; "" is a choice of Options
	Value       string // hostile; of that input
}

// An Option is one of a filter or a form row.
type Option struct {
	Value  string
	Label  string // hostile
	Chosen bool
}

// A ConsoleList is a page that is mostly one table.
type ConsoleList struct {
	Console
	Title, Lead string
	Search      Search
	Count       string // such as "120 sessions"
	Table       Table
	First, Next string   // URLs of other pages of the table; "" is none
	Actions     []Action // what can be done with all of it
	Live        Live
}

func (v ConsoleList) live() bool { return v.Live.URL != "" }

// ConsoleList renders v.
func (p *Pages) ConsoleList(v ConsoleList) Answer {
	return p.console("console_list", http.StatusOK, v.Title, v.Frame, v)
}

// A ConsoleDetail is a page about one thing.
type ConsoleDetail struct {
	Console
	State   Notice // the line above the title
	Title   string // hostile
	Sub     string // hostile
	Pairs   []Pair
	Parts   []Part
	Actions []Action
	Back    Action
}

// A Part is one section of a ConsoleDetail: a table, a tree, a text or tags.
type Part struct {
	ID      string // of the element, unique on the page
	Title   string
	Table   *Table
	Tags    []Action // hostile labels; a tag without URL leads nowhere
	Rules   []Rule
	Code    string // hostile; shown as it is, bounded by whoever fills it
	Empty   string // where there is neither row nor tag
	More    string // a sentence below
	Actions []Action
}

// ConsoleDetail renders v.
func (p *Pages) ConsoleDetail(v ConsoleDetail) Answer {
	return p.console("console_detail", http.StatusOK, Line(v.Title), v.Frame, v)
}

// A ConsoleForm asks something: for a confirmation, or for facts.
type ConsoleForm struct {
	Console
	Title, Lead string
	Pairs       []Pair // what it is about
	Action      string // path that it is posted to
	Hidden      []Field
	Rows        []FormRow
	Problems    []string // hostile; what is wrong with what was sent
	Upload      bool     // a row is a file
	Button      string
	Danger      bool   // cannot be taken back
	Sure        string // a box that has to be ticked, sent as sure=yes; "" is none
	Back        Action
	Status      int // 0 is 200; else that of a form that was not accepted
}

// A FormRow is one field with its label.
type FormRow struct {
	Name, Label string
	Kind        string // "text" (default), "textarea", "select", "url", "number", "search", "file" or "checkbox"
	Value       string // hostile
	Options     []Option
	Hint        string
	Error       string // what is wrong with Value
	Required    bool
}

// ConsoleForm renders v.
func (p *Pages) ConsoleForm(v ConsoleForm) Answer {
	if v.Status == 0 {
		v.Status = http.StatusOK
	}
	return p.console("console_form", v.Status, v.Title, v.Frame, v)
}

// A ConsoleNote is a page that only says something: that a person has no role,
// that a page is not there, that something did not work.
type ConsoleNote struct {
	Console
	Status      int
	Tone        Tone
	Name        string // of the status, above the title
	Title, Lead string
	Next        string
	Action      Action
	Pairs       []Pair
}

// ConsoleNote renders v.
func (p *Pages) ConsoleNote(v ConsoleNote) Answer {
	return p.console("console_note", v.Status, v.Title, v.Frame, v)
}

// console renders a page in the console's frame. Its template is
// templates/<name>.html.
func (p *Pages) console(name string, status int, title string, f Frame, view any) Answer {
	return p.render(page{
		name: name, status: status, title: title, view: view, frame: f, sheet: &p.consoleSheet, script: true,
		policy: policy{forms: true},
	})
}

// Line makes a short hostile text, such as a name, harmless inside a sentence:
// what deceives is made visible, and the sentence keeps its direction around it.
func Line(s string) string { return "\u2068" + line(s) + "\u2069" }
