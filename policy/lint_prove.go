package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// maxProofSteps bounds the search for one proof.
const maxProofSteps = 500

// impossible reports whether it is proved that no request makes all the choices
// true. False says that there is no proof.
func impossible(all ...choice) bool {
	p := prover{left: maxProofSteps}
	return p.impossible(nil, all)
}

type prover struct{ left int }

func (p *prover) impossible(facts []fact, open []choice) bool {
	if p.left--; p.left < 0 {
		return false
	}
	if contradict(facts) {
		return true
	}
	if len(open) == 0 {
		return false
	}
	// The choice with the fewest options first: it rules out most.
	least := 0
	for i := range open {
		if len(open[i]) < len(open[least]) {
			least = i
		}
	}
	rest := slices.Delete(slices.Clone(open), least, least+1)
	for _, o := range open[least] {
		if !p.impossible(slices.Concat(facts, o.facts), slices.Concat(rest, o.then)) {
			return false
		}
	}
	return true
}

// A world is a set of facts by what they are about.
type world struct {
	there  map[string]bool
	opaque map[string]bool
	texts  map[string][]fact
	lists  map[string][]fact
	nets   []fact
}

// contradict reports whether the facts cannot all be so.
func contradict(facts []fact) bool {
	w := world{map[string]bool{}, map[string]bool{}, map[string][]fact{}, map[string][]fact{}, nil}
	for _, f := range facts {
		switch f.kind {
		case factThere:
			if is, known := w.there[f.subject]; known && is != f.want {
				return true
			}
			w.there[f.subject] = f.want
		case factOpaque:
			if is, known := w.opaque[f.subject]; known && is != f.want {
				return true
			}
			w.opaque[f.subject] = f.want
		case factText:
			w.texts[f.subject] = append(w.texts[f.subject], f)
		case factHolds, factAlone:
			w.lists[f.subject] = append(w.lists[f.subject], f)
		case factWithin:
			w.nets = append(w.nets, f)
		}
	}
	return w.personContradicts() || w.opaqueContradicts() || w.textsContradict() ||
		w.listsContradict() || noAddress(w.nets)
}

func (w *world) personContradicts() bool {
	is, known := w.there[aboutUser]
	if known && !is && w.there[aboutPerson] {
		return true // a session always has a user
	}
	is, known = w.there[aboutEmail]
	return known && !is && w.there[aboutDomain]
}

// opaqueContradicts holds the rule that doubt only ever adds truth.
func (w *world) opaqueContradicts() bool {
	for subject, want := range w.opaque {
		if in, known := w.opaque[doubtful+subject]; want && known && !in {
			return true
		}
	}
	return false
}

func (w *world) textsContradict() bool {
	w.domainOfEmail()
	for subject, facts := range w.texts {
		if subject == aboutEmail || subject == aboutDomain {
			continue
		}
		if noText(facts, nil) {
			return true
		}
	}
	domains := w.texts[aboutDomain]
	if noText(domains, func(s string) bool { return s == lowerASCII(s) && !strings.Contains(s, "@") }) {
		return true
	}
	has, known := w.there[aboutDomain]
	return noText(w.texts[aboutEmail], func(s string) bool {
		d := emailDomain(s)
		return !known || has == (d != "") && (d == "" || passes(domains, d))
	})
}

// domainOfEmail tells the domain, where there is one, from an address that ends
// in "@" and something.
func (w *world) domainOfEmail() {
	if !w.there[aboutDomain] {
		return
	}
	for _, f := range w.texts[aboutEmail] {
		if !f.want || f.test.operator != "ends_with" {
			continue
		}
		if _, domain, found := strings.Cut(f.test.values[0], "@"); found {
			is := stringTest{"is", []string{lowerASCII(domain)}}
			w.texts[aboutDomain] = append(w.texts[aboutDomain], textFact(aboutDomain, is, true))
		}
	}
}

// noText reports whether no text is as all facts say. may, which may be nil,
// tells whether the subject can be that text at all.
func noText(facts []fact, may func(string) bool) bool {
	var few map[string]bool
	for _, f := range facts {
		if f.want && f.test.operator == "in" && (few == nil || len(f.set) < len(few)) {
			few = f.set
		}
	}
	if few == nil {
		return partsContradict(facts)
	}
	for s := range few {
		if (may == nil || may(s)) && passes(facts, s) {
			return false
		}
	}
	return true
}

// passes reports whether the text is as all facts say.
func passes(facts []fact, s string) bool {
	for _, f := range facts {
		if f.test.holds(s, f.set) != f.want {
			return false
		}
	}
	return true
}

// holds is the test of a textFact in Go. set are its values.
func (t stringTest) holds(s string, set map[string]bool) bool {
	switch t.operator {
	case "contains":
		return strings.Contains(s, t.values[0])
	case "starts_with":
		return strings.HasPrefix(s, t.values[0])
	case "ends_with":
		return strings.HasSuffix(s, t.values[0])
	}
	return set[s]
}

// partsContradict looks for a contradiction among tests of which none lists the
// texts it takes: there are always more texts than can be left out one by one.
func partsContradict(facts []fact) bool {
	var starts, ends, parts []string
	for _, f := range facts {
		if !f.want {
			continue
		}
		switch f.test.operator {
		case "starts_with":
			starts = append(starts, f.test.values[0])
		case "ends_with":
			ends = append(ends, f.test.values[0])
		case "contains":
			parts = append(parts, f.test.values[0])
		}
	}
	start, end := longest(starts), longest(ends)
	if slices.ContainsFunc(starts, func(s string) bool { return !strings.HasPrefix(start, s) }) ||
		slices.ContainsFunc(ends, func(s string) bool { return !strings.HasSuffix(end, s) }) {
		return true
	}
	// A text that has these parts has what is in them.
	parts = append(parts, start, end)
	return slices.ContainsFunc(facts, func(f fact) bool {
		switch {
		case f.want:
			return false
		case f.test.operator == "starts_with":
			return strings.HasPrefix(start, f.test.values[0])
		case f.test.operator == "ends_with":
			return strings.HasSuffix(end, f.test.values[0])
		case f.test.operator == "contains":
			return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(p, f.test.values[0]) })
		}
		return false
	})
}

func longest(texts []string) string {
	out := ""
	for _, s := range texts {
		if len(s) > len(out) {
			out = s
		}
	}
	return out
}

func (w *world) listsContradict() bool {
	for subject, facts := range w.lists {
		if noList(facts, subject == aboutGroups) {
			return true
		}
	}
	return false
}

// noList reports whether no list of texts is as all facts say. One group may
// have two names, so two of them may be all there is.
func noList(facts []fact, named bool) bool {
	out := map[string]bool{} // what the list does not hold
	var only map[string]bool // what it may hold, where that is known
	notOnly := map[string]bool{}
	for _, f := range facts {
		switch {
		case f.kind == factHolds && !f.want:
			maps.Copy(out, f.set)
		case f.kind == factAlone && !f.want:
			maps.Copy(notOnly, f.set)
		case f.kind == factAlone && only == nil:
			only = f.set
		case f.kind == factAlone && !named && !maps.Equal(only, f.set):
			return true
		}
	}
	for _, f := range facts {
		if !f.want {
			continue
		}
		left := 0
		for v := range f.set {
			if !out[v] && (named || only == nil || only[v]) {
				left++
			}
		}
		if left == 0 {
			return true
		}
	}
	for v := range only {
		if notOnly[v] {
			return true
		}
	}
	return false
}

// noAddress reports whether no address is as all facts say.
func noAddress(facts []fact) bool {
	if len(facts) == 0 {
		return false
	}
	in := networks{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	var out networks
	for _, f := range facts {
		if !f.want {
			out = append(out, f.nets...)
			continue
		}
		var both networks
		for _, a := range in {
			for _, b := range f.nets {
				if a.Overlaps(b) && a.Bits() < b.Bits() {
					both = append(both, b)
				} else if a.Overlaps(b) {
					both = append(both, a)
				}
			}
		}
		if in = both; len(in) > maxProofSteps {
			return false
		}
	}
	return !slices.ContainsFunc(in, func(n netip.Prefix) bool { return !coveredBy(n, out) })
}

// coveredBy reports whether every address of the network is in one of the others.
func coveredBy(n netip.Prefix, by networks) bool {
	inside := networks{}
	for _, b := range by {
		if b.Bits() <= n.Bits() && b.Overlaps(n) {
			return true
		}
		if b.Overlaps(n) {
			inside = append(inside, b)
		}
	}
	if len(inside) == 0 {
		return false
	}
	low := netip.PrefixFrom(n.Addr(), n.Bits()+1)
	raw := n.Addr().AsSlice()
	raw[n.Bits()/8] |= 0x80 >> (n.Bits() % 8)
	high, _ := netip.AddrFromSlice(raw)
	return coveredBy(low, inside) && coveredBy(netip.PrefixFrom(high, n.Bits()+1), inside)
}
