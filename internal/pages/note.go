package pages

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Note is what an administrator wrote, at one policy, for those whom it
// refuses. The texts are Markdown: paragraphs, emphasis, code, lists, links,
// headings, quotes; tags and pictures are passed over for their words.
type Note struct {
	Policy      string // its name, shown only with Problem.Details
	Explanation string // why
	Remediation string // what to do
}

// Check says what an answer would not show as it was written.
func (n Note) Check() error {
	for _, t := range []struct{ name, text string }{{"explanation", n.Explanation}, {"remediation", n.Remediation}} {
		if len(t.text) > maxMarkdown {
			return fmt.Errorf("%s of policy %q: %d bytes, want at most %d", t.name, n.Policy, len(t.text), maxMarkdown)
		}
		if !utf8.ValidString(t.text) {
			return fmt.Errorf("%s of policy %q: want UTF-8", t.name, n.Policy)
		}
	}
	return nil
}

// forReader returns e as its reader may see it: a stranger learns of no rule.
func (e Problem) forReader() Problem {
	if e.Person == "" {
		e.Reasons, e.Notes, e.Details, e.Device = nil, nil, false, DeviceProblem{}
	}
	return e
}

// notesHTML and notesText are the notes of e in the two forms. The explanations
// have half of the budget, the remediations the rest. A page bears the logo too,
// which takes from the same.
func (e Problem) notesHTML(logo int) (explain, remedy []template.HTML) {
	half := max(noteBudget-logo, noteBudget/4) / 2
	budget := half
	explain = asHTML(e.explanations(), &budget)
	budget += half
	return explain, asHTML(e.remediations(), &budget)
}

func (e Problem) notesText() (explain, remedy string) {
	budget := noteBudget / 2
	explain = asText(e.explanations(), &budget)
	budget += noteBudget / 2
	return explain, asText(e.remediations(), &budget)
}

func (e Problem) explanations() []string {
	return texts(e.Notes, func(n Note) string { return n.Explanation })
}

func (e Problem) remediations() []string {
	return texts(e.Notes, func(n Note) string { return n.Remediation })
}

// maxNotes bounds what is parsed for one answer: a text that shows nothing costs
// its time all the same.
const maxNotes = 8

// texts returns those that are not empty, each once: policies may share theirs.
func texts(notes []Note, of func(Note) string) []string {
	var all []string
	for _, n := range notes[:min(len(notes), maxNotes)] {
		if s := strings.TrimSpace(of(n)); s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// asHTML renders texts as far as budget goes; beyond it they are not even parsed.
func asHTML(texts []string, budget *int) []template.HTML {
	var all []template.HTML
	for _, s := range texts {
		if *budget <= 0 {
			break
		}
		if h := parseProse(s).html(budget); h != "" {
			all = append(all, h)
		}
	}
	return all
}

// asText is asHTML for those who read no HTML.
func asText(texts []string, budget *int) string {
	var all []string
	for _, s := range texts {
		if *budget <= 0 {
			break
		}
		s = parseProse(s).text()
		left := *budget - cost(s)
		if left < 0 {
			s, left = s[:fit(s, *budget)]+"…", 0
		}
		*budget = left
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, "\n\n")
}

// facts are what Details adds: the names of the policies and the reasons as they
// are, as far as factBudget goes.
func (e Problem) facts() (policies, reasons []string) {
	if !e.Details {
		return nil, nil
	}
	names := make([]string, 0, len(e.Notes))
	for _, n := range e.Notes {
		names = append(names, n.Policy)
	}
	budget := factBudget
	return affordable(names, &budget), affordable(e.Reasons, &budget)
}

// factBudget bounds the facts of a page, in bytes of HTML.
const factBudget = 3 << 10

// affordable returns those of list that are not empty, cleaned, each once.
func affordable(list []string, budget *int) []string {
	var all []string
	for _, s := range list {
		s = line(s)
		if s == "" || slices.Contains(all, s) {
			continue
		}
		*budget -= cost(s) + 30
		if *budget < 0 {
			break
		}
		all = append(all, s)
	}
	return all
}
