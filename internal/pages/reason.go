package pages

import (
	"slices"
	"strings"
)

// A reasonKind is a group of reasons that mean the same to a person: why, what
// to do about it, and whether asking for access can help.
type reasonKind struct {
	reasons []string // as policies spell them
	why     string
	step    string // "" is none of its own
	ask     bool   // the next step of the problem's kind helps too
}

// told is what a problem says, once its reasons have spoken.
type told struct {
	problemWords
	first string // sentence of the reasons, "" without
	steps string // what they advise, before next
}

// advice is all there is to do now.
func (w told) advice() string { return join(w.steps, w.next) }

// maxReasons bounds the sentences of one page. Who reads four reasons reads
// none.
const maxReasons = 3

// tell puts the sentences of reasons in the place of the general ones. Reasons
// that say why something was allowed, and words that we do not know, tell a
// person nothing and leave w as it is.
func (w *told) tell(reasons []string) {
	kinds := kindsOf(reasons)
	if len(kinds) == 0 {
		return
	}
	var whys, steps []string
	ask := false
	for _, k := range kinds {
		whys = append(whys, k.why)
		if !slices.Contains(steps, k.step) {
			steps = append(steps, k.step)
		}
		ask = ask || k.ask
	}
	w.first, w.why, w.steps = whys[0], join(whys...), join(steps...)
	if !ask {
		w.next = ""
	}
}

// kindsOf returns the kinds of reasons in the order of the table, at most
// maxReasons of them.
func kindsOf(reasons []string) []reasonKind {
	var kinds []reasonKind
	for _, k := range reasonKinds {
		if len(kinds) < maxReasons && slices.ContainsFunc(reasons, func(r string) bool { return slices.Contains(k.reasons, r) }) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// join makes one paragraph of the sentences that are there.
func join(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}
