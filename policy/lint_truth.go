package policy

import (
	"fmt"
	"slices"
)

var (
	somebody  = choice{{facts: []fact{there(aboutPerson, true)}}}
	strangers = choice{{facts: []fact{there(aboutPerson, false)}}}
)

// neverTrue reports what no request can meet, and whether that is the rule.
func (l *linter) neverTrue(r *lintRule) bool {
	negated, said := r.operator.negated(), false
	for _, c := range r.criteria {
		switch {
		case c.kind == criterionReject:
			said = l.reject(r, c) || said
		case !impossible(c.truth(true)):
		case negated:
			l.reportAt(r, c, codeNeverTrue, SeverityWarning, "no request can meet "+c.text(),
				fmt.Sprintf("under %s it is then always met: take it out or mend it", r.operator))
		default:
			said = true
			l.neverMet(r, c)
		}
	}
	switch {
	case !impossible(r.yes):
		return false
	case said || r.operator == "" && r.criteria[0].kind == criterionReject:
	default:
		l.neverMetTogether(r)
	}
	return true
}

func (l *linter) neverMet(r *lintRule, c placedCriterion) {
	if r.deny {
		l.reportAt(r, c, codeDenyNever, SeverityError, "no request can meet "+c.text()+", so this denies nobody",
			"mend it: a deny that never fires protects nothing")
		return
	}
	l.reportAt(r, c, codeNeverTrue, SeverityError, "no request can meet "+c.text()+", so this lets nobody in",
		"several tests in one criterion must all hold; for one of several, write a list under in or criteria under or")
}

// neverMetTogether names two criteria that exclude each other, where two do.
func (l *linter) neverMetTogether(r *lintRule) {
	why := "no request can meet this " + string(r.operator)
	for i, a := range r.criteria {
		for _, b := range r.criteria[i+1:] {
			if r.operator == operatorAnd && impossible(a.truth(true), b.truth(true)) {
				why = fmt.Sprintf("no request can meet both %s and %s", a.text(), b.text())
			}
			if r.operator == operatorNot && impossible(a.truth(false), b.truth(false), somebody) {
				why = fmt.Sprintf("every request meets one of %s and %s, so not is never true", a.text(), b.text())
			}
		}
	}
	if r.deny {
		l.report(r, codeDenyNever, SeverityError, why+", so this denies nobody", "mend it: a deny that never fires protects nothing")
		return
	}
	l.report(r, codeNeverTrue, SeverityError, why+", so this lets nobody in", "for one of several, put them under or")
}

// reject reports what reject does where it surprises.
func (l *linter) reject(r *lintRule, c placedCriterion) bool {
	const is = "reject is always false"
	switch {
	case r.operator == operatorNot:
		l.reportAt(r, c, codeReject, SeverityWarning, is+", so under not it is always met and tests nothing", "take it out, or write accept if nobody is meant")
	case r.operator == operatorNor:
		l.reportAt(r, c, codeReject, SeverityWarning, is+", so it makes this nor true whatever the others are", "take it out, or write accept if it is not to count")
	case r.deny:
		l.reportAt(r, c, codeReject, SeverityError, is+", so this denies nobody", "to deny everybody, write deny: {or: [{accept: true}]}")
		return true
	}
	return false
}

// shadowed reports a rule that changes nobody's access, because another one is
// true whenever it is. Of two that say the same it reports the later.
func (l *linter) shadowed(r *lintRule) {
	rules, does := l.allow, "lets nobody in whom this does not let in already: "
	if r.deny {
		rules, does = l.deny, "denies nobody whom this does not deny already: "
	}
	place := slices.Index(rules, r)
	if place >= maxLintRules {
		return
	}
	for i, other := range rules[:min(len(rules), maxLintRules)] {
		if i == place || !impossible(r.yes, other.no) {
			continue
		}
		if i > place && other.own && impossible(other.yes, r.no) {
			continue // they say the same, and the other is reported
		}
		l.report(r, codeShadowed, SeverityWarning, does+other.String(), "take one of the two out")
		return
	}
}

// saysPublic reports whether the rule lets in everybody in so many words.
func (r *lintRule) saysPublic() bool {
	return !r.operator.negated() && !slices.ContainsFunc(r.criteria, func(c placedCriterion) bool { return c.kind != criterionAccept })
}

// public reports a rule that does not care whether anybody is signed in, on a
// route that nowhere says that it is public.
func (l *linter) public(r *lintRule) {
	if slices.ContainsFunc(l.allow, (*lintRule).saysPublic) || r.knowsWho() || l.asks() {
		return
	}
	denies := []choice{r.yes, strangers}
	for _, d := range l.deny {
		denies = append(denies, d.no)
	}
	if impossible(denies...) {
		return
	}
	whom := "anybody whose request meets it"
	if impossible(r.no) {
		whom = "everybody, whatever they ask for,"
	}
	l.report(r, codePublic, SeverityWarning, "lets in "+whom+" signed in or not",
		"put it under and beside a criterion of the person, such as authenticated_user; if the route is to be public, say allow_public_unauthenticated_access")
}

// knowsWho reports whether the rule asks who it is, by whatever means, or is
// the one that browsers ask for before they send anything.
func (r *lintRule) knowsWho() bool {
	negated := r.operator.negated()
	for _, c := range r.criteria {
		reads := c.reads()
		switch {
		case reads.Session || len(reads.Records) > 0 || reads.Volatile:
			return true
		case c.kind == criterionInvalidClientCertificate:
			return negated
		case c.kind == criterionClientCertificate:
			return !negated
		}
	}
	return len(r.criteria) == 1 && r.criteria[0].kind == criterionCORSPreflight && !negated
}

// everyUser reports a rule that is a long way of saying authenticated_user.
func (l *linter) everyUser(r *lintRule) {
	if !r.asksWho() || !impossible(r.no, somebody) {
		return
	}
	if !slices.ContainsFunc(r.criteria, func(c placedCriterion) bool { return c.kind != criterionAuthenticatedUser }) {
		return
	}
	advice := "if that is meant, write authenticated_user"
	if r.operator == operatorNor {
		advice = "nor is true as soon as one of its criteria is not; for none of them, write not"
	}
	l.report(r, codeEveryUser, SeverityWarning, "is true of everybody who is signed in", advice)
}

// asks reports whether a deny sends every strangers to sign in: it asks who it
// is, and nothing else can settle it before.
func (l *linter) asks() bool { return slices.ContainsFunc(l.deny, (*lintRule).sendsToSignIn) }

func (r *lintRule) sendsToSignIn() bool {
	// Under not, one other criterion that is true settles it.
	return r.deny && r.asksWho() && (r.operator != operatorNot ||
		!slices.ContainsFunc(r.criteria, func(c placedCriterion) bool { return !c.asksWho() }))
}

// route looks at what all the rules come to.
func (l *linter) route() {
	// passed is what holds for whoever passes the denies.
	var passed []choice
	if l.asks() {
		passed = append(passed, somebody)
	}
	if l.denyEverybody(passed) {
		return
	}
	l.signIn()
	for _, d := range l.deny {
		passed = append(passed, d.no)
	}
	open := 0
	for _, r := range l.allow {
		switch {
		case impossible(r.yes):
		case !impossible(append(passed[:len(passed):len(passed)], r.yes)...):
			open++
		case r.own:
			l.report(r, codeOutranked, SeverityWarning, "lets nobody in: whoever meets it is denied by a deny", "a deny outranks every allow, so take one of them out or narrow the deny")
		}
	}
	if open > 0 || l.opaque {
		return
	}
	why := "no rule lets anybody in"
	if len(l.allow) > 0 {
		why = "nobody is let in: no request can meet a rule of allow without being denied"
	}
	l.report(&lintRule{path: "policy"}, codeNobody, SeverityError, why, "allow somebody, such as {allow: {or: [{domain: {is: example.com}}]}}")
}

// denyEverybody reports a deny, or all of them together, that nobody passes.
func (l *linter) denyEverybody(passed []choice) bool {
	all := slices.Clone(passed)
	for _, d := range l.deny {
		all = append(all, d.no)
		if !impossible(append(passed[:len(passed):len(passed)], d.no)...) {
			continue
		}
		why, advice := "denies everybody, whatever allow says", "a deny is true of whom it keeps out"
		switch {
		case !impossible(d.no):
			why = "denies everybody who is signed in, and everybody else has to sign in first"
		case d.operator == operatorNot && slices.ContainsFunc(d.criteria, func(c placedCriterion) bool { return c.kind == criterionReject }):
			advice = "reject is always false, so not: [{reject: true}] is always true"
		}
		l.report(d, codeDenyEverybody, SeverityError, why, advice)
		return true
	}
	if len(l.deny) < 2 || !impossible(all...) {
		return false
	}
	l.report(l.deny[0], codeDenyEverybody, SeverityError, "together with the other rules of deny it denies everybody", "a deny is true of whom it keeps out, and one suffices")
	return true
}

// signIn reports a deny that asks who it is where strangers are let in.
func (l *linter) signIn() {
	var open *lintRule
	severity := SeverityNote
	for _, r := range l.allow {
		if r.asksWho() || impossible(r.yes) {
			continue
		}
		if open == nil {
			open = r
		}
		if impossible(r.no) {
			open, severity = r, SeverityWarning
			break
		}
	}
	if open == nil {
		return
	}
	for _, d := range l.deny {
		if d.sendsToSignIn() {
			l.report(d, codeSignIn, severity, "asks who it is, so everybody has to sign in first, also whom this lets in without: "+open.String(),
				"who is kept out could sign out otherwise; if strangers are to come in, deny by something else than the person")
		}
	}
}
