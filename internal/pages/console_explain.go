package pages

import "net/http"

// A ConsoleExplain is a page that says why: facts, the verdict with its tree of
// rules, and a form to ask about something else.
type ConsoleExplain struct {
	Console
	Title, Lead string
	Pairs       []Pair
	Remarks     []string    // hostile
	Verdict     RuleVerdict // without a State, there is none yet
	Ask         Ask
	Back        Action
}

// ConsoleExplain renders v.
func (p *Pages) ConsoleExplain(v ConsoleExplain) Answer {
	return p.console("console_explain", http.StatusOK, v.Title, v.Frame, v)
}

// A RuleVerdict is what a request comes to. Its texts may be hostile.
type RuleVerdict struct {
	State     Cell
	Why       string
	Error     string
	Warning   string // a sentence of ours
	Decided   []string
	Needs     []string // what would allow
	Satisfies []string
	NoChange  string
	Trees     []RuleTree
}

// A RuleTree is one half of a policy, or what judges without effect.
type RuleTree struct {
	Title string // a sentence of ours
	Rules []Rule
	Facts []string // hostile
}

// A Rule is one node of a tree. Its texts may be hostile.
type Rule struct {
	Text     string
	Place    string // file and line
	Note     string // such as "on every route"
	Read     []string
	Error    string
	True     bool
	Decided  bool
	Plain    bool // without its value: the policy is shown, not a decision
	Children []Rule
}

// An Ask is a form that only asks. It is sent by GET.
type Ask struct {
	Title  string
	Action string
	Rows   []FormRow
	Button string
}
