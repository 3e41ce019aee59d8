package policy

import (
	"slices"
	"strings"
)

// habits notes what is right by the letter and often not what is meant.
func (l *linter) habits(r *lintRule, c placedCriterion) {
	switch o := c.operand.(type) {
	case stringMatcher:
		l.wildcard(r, c, o)
		switch c.kind {
		case criterionEmail:
			l.emailHabits(r, c, o)
		case criterionHTTPPath:
			l.pathHabits(r, c, o)
		}
	case listMatcher:
		if c.kind == criterionClaim && c.subPath == "groups" {
			l.reportAt(r, c, codeClaimGroups, SeverityNote, "reads the claim alone, and not the groups of a directory",
				"groups reads both, by id and by name")
		}
	}
}

func (l *linter) emailHabits(r *lintRule, c placedCriterion, m stringMatcher) {
	for _, t := range m {
		if i := slices.IndexFunc(t.values, hasUpper); i >= 0 {
			l.reportAt(r, c, codeEmailCase, SeverityNote, "the case of an address counts: "+quote(t.values[i])+" is not "+quote(lowerASCII(t.values[i])),
				"write the address as the identity provider does, which is nearly always in lower case")
		}
		switch {
		case t.operator == "contains":
			l.reportAt(r, c, codeEmailDomain, SeverityWarning, "matches any address with "+quote(t.values[0])+" anywhere in it, in the part that people choose, too",
				"domain tests what follows the @")
		case t.operator != "ends_with":
		case strings.HasPrefix(t.values[0], "@"):
			l.reportAt(r, c, codeEmailDomain, SeverityWarning, "matches an address with two @ as well, and not one in another case",
				"write domain: {is: "+strings.TrimPrefix(t.values[0], "@")+"}")
		case strings.HasPrefix(t.values[0], "."):
			l.reportAt(r, c, codeEmailDomain, SeverityWarning, "matches an address with two @ as well, and not one in another case",
				"write domain: {ends_with: "+t.values[0]+"}")
		case !strings.Contains(t.values[0], "@"):
			l.reportAt(r, c, codeEmailDomain, SeverityWarning, "matches every domain that ends so, such as evil-"+t.values[0],
				"domain tests the whole of what follows the @")
		}
	}
}

// wildcard warns of a star, which stands for itself: a deny of "/admin/*" denies
// nothing that is there.
func (l *linter) wildcard(r *lintRule, c placedCriterion, m stringMatcher) {
	for _, t := range m {
		if i := slices.IndexFunc(t.values, func(v string) bool { return strings.Contains(v, "*") }); i >= 0 {
			l.reportAt(r, c, codeWildcard, SeverityWarning, "a star stands for itself, so "+quote(t.values[i])+" is met by a star alone",
				"write starts_with, ends_with or contains, without a star")
		}
	}
}

func (l *linter) pathHabits(r *lintRule, c placedCriterion, m stringMatcher) {
	for _, t := range m {
		if v := t.values[0]; t.operator == "starts_with" && !strings.HasSuffix(v, "/") && !strings.Contains(v, "*") {
			l.reportAt(r, c, codePathPrefix, SeverityNote, "begins more than one path: "+v+", "+v+"/… and "+v+"x as well",
				"for what is below it, write starts_with: "+v+"/, and is: "+v+" beside it for the path itself")
		}
	}
}

func hasUpper(s string) bool { return lowerASCII(s) != s }

// operator notes where nor may have been taken for not.
func (l *linter) operator(r *lintRule) {
	if r.operator != operatorNor {
		return
	}
	if len(r.criteria) == 1 {
		l.report(r, codeNor, SeverityNote, "nor of one criterion is the same as not", "write not")
		return
	}
	all := append(slices.Clone(l.allow), l.deny...)
	body := strings.TrimSuffix(r.path, string(operatorNor))
	if slices.ContainsFunc(all, func(o *lintRule) bool {
		return o.policy == r.policy && o.path == body+string(operatorNot)
	}) {
		l.report(r, codeNor, SeverityNote, "stands beside not, and means another thing: nor is true as soon as one is not, not where none is",
			"write not where none of them may be true")
	}
}
