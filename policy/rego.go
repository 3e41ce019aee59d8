package policy

import (
	"fmt"
	"strings"
)

// packageName is that of every module. Hand-written Rego is in it as well.
const packageName = "pomerium.policy"

// reasonUnauthenticated says that nobody is signed in where the policy asks
// who is. It sends a browser to sign in.
const reasonUnauthenticated = "user-unauthenticated"

// rego writes the plan as a Rego module. Its rules allow and deny are each an
// array of a truth and a set of reasons, and always defined. The same plan
// gives the same text, and no text of the policy stands outside a literal.
func (p *plan) rego(l *literals) string {
	w := &regoWriter{literals: l}
	w.printf("package %s\n", packageName)
	w.action("allow", p.allow, false)
	w.action("deny", p.deny, true)
	return w.String()
}

// A regoWriter writes one module. Rules c0, c1 ... are criteria, g0, g1 ...
// are groups; each is an array like allow.
type regoWriter struct {
	strings.Builder
	literals *literals
	criteria int
	groups   int
}

func (w *regoWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *regoWriter) action(name string, terms []term, deny bool) {
	var results []string
	for _, t := range terms {
		if t.operator == "" {
			results = append(results, w.criterion(t.criteria[0], deny))
			continue
		}
		results = append(results, w.group(t, deny))
	}
	w.union(name, results)
}

// union writes the rule that is true where any of the results is.
func (w *regoWriter) union(name string, results []string) {
	switch len(results) {
	case 0:
		w.printf("\n%s := [false, set()]\n", name)
	case 1:
		w.printf("\n%s := %s\n", name, results[0])
	default:
		w.printf("\n%s := [true, %s] if {\n\t%s\n} else := [false, %s]\n",
			name, reasonsWhere(true, results), anyTrue(results), reasonsOfAll(results))
	}
}

// criterion writes one criterion and returns the name of its rule. doubt says
// that its being true leads towards a denial.
func (w *regoWriter) criterion(c criterion, doubt bool) string {
	clauses := c.kind.clauses(c, w.literals, doubt)
	if c.session() {
		// First, because "not" over a missing person would be true.
		clauses = append([]clause{{false, reasonUnauthenticated, []string{"not input.person"}}}, clauses...)
	}
	name := fmt.Sprintf("c%d", w.criteria)
	w.criteria++
	w.printf("\n%s", name)
	for i, cl := range clauses {
		if i > 0 {
			w.WriteString(" else")
		}
		w.printf(" := [%t, {%s}]", cl.truth, quote(cl.reason))
		if len(cl.conditions) > 0 {
			w.printf(" if {\n\t%s\n}", strings.Join(cl.conditions, "\n\t"))
		}
	}
	w.WriteString("\n")
	return name
}

// group writes an operator over its criteria and returns the name of its rule.
func (w *regoWriter) group(t term, deny bool) string {
	var results []string
	session := false
	for _, c := range t.criteria {
		session = session || c.session()
		results = append(results, w.criterion(c, deny != t.operator.negated()))
	}
	name := fmt.Sprintf("g%d", w.groups)
	w.groups++
	w.printf("\n%s", name)
	// What the rule is where all (and, nor) or some (or, not) are true, and
	// the conditions of that.
	when, why, otherwise := anyTrue(results), reasonsWhere(true, results), reasonsOfAll(results)
	if t.operator == operatorAnd || t.operator == operatorNor {
		when, why, otherwise = allTrue(results), reasonsOfAll(results), reasonsWhere(false, results)
	}
	negated := t.operator.negated()
	w.printf(" := [%t, %s] if {\n\t%s\n}", !negated, why, when)
	if negated && session && !deny {
		// "Nobody of these" is not known of somebody who is nobody yet, so a
		// negation allows only who is signed in.
		w.printf(" else := [false, %s] if {\n\tnot input.person\n}", otherwise)
	}
	w.printf(" else := [%t, %s]\n", negated, otherwise)
	return name
}

func anyTrue(results []string) string { return "true in [" + strings.Join(results, "[0], ") + "[0]]" }

func allTrue(results []string) string { return strings.Join(results, "[0]\n\t") + "[0]" }

func reasonsOfAll(results []string) string {
	return "union({" + strings.Join(results, "[1], ") + "[1]})"
}

func reasonsWhere(truth bool, results []string) string {
	return fmt.Sprintf("union({reasons | some [%t, reasons] in [%s]})", truth, strings.Join(results, ", "))
}
