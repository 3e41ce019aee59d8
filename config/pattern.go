package config

import (
	"regexp"
	"regexp/syntax"
)

// wantRegexp is the wish of every pattern, and wantSmaller of one that is none
// the less too much.
const (
	wantRegexp  = "a regular expression (RE2 syntax)"
	wantSmaller = "smaller regular expressions in a document that stands alone"
)

// Bounds of patterns: the length of each in bytes, and what all of a document
// that stands alone have in steps, once repetitions are written out. Whoever
// sends one is not who may fill the memory: twenty bytes such as (ab){1000}
// become a hundred kilobytes.
const (
	maxPattern = 4 << 10
	maxSteps   = 500_000
)

// expression compiles p, for the key that it stands at; nil is refused. Envoy
// would refuse it later and take every other change of the reload down with it.
func (l *loading) expression(key, p string) *regexp.Regexp {
	if len(p) > maxPattern {
		l.refuse(key, "", wantRegexp)
		return nil
	}
	if l.options.Text != nil {
		if tree, err := syntax.Parse(p, syntax.Perl); err == nil {
			l.steps += steps(tree)
		}
		if l.steps > maxSteps {
			l.refuse(key, "", wantSmaller)
			return nil
		}
	}
	re, err := regexp.Compile(p)
	if err != nil {
		l.refuse(key, "", wantRegexp)
		return nil
	}
	return re
}

// steps is about how many instructions r becomes, at most maxSteps+1.
func steps(r *syntax.Regexp) int {
	n := 1
	if r.Op == syntax.OpLiteral {
		n = len(r.Rune)
	}
	for _, sub := range r.Sub {
		n += steps(sub)
	}
	if r.Op == syntax.OpRepeat {
		n *= max(1, r.Min, r.Max)
	}
	return min(n, maxSteps+1)
}
