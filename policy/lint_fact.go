package policy

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// What lint says of a rule is proved, never guessed: a rule is taken apart into
// facts, and a set of facts that contradict each other cannot be true of any
// request. Where a proof is not found, nothing is said.

// A fact is one thing that is so, or not so where want is false, about one
// subject: the person, one text, one list, the address, or something that
// nobody can look into.
type fact struct {
	kind    factKind
	subject string
	want    bool
	test    stringTest      // of factText
	set     map[string]bool // the values of test, or of factHolds
	nets    networks        // of factWithin
}

type factKind uint8

const (
	factThere  factKind = iota // the subject is there
	factText                   // the text, which is there, passes test
	factHolds                  // the list holds one of set
	factAlone                  // the list holds the value of test and nothing else
	factWithin                 // the address, which is there, is in one of nets
	factOpaque                 // a criterion whose inside is not looked into
)

// The subjects that know of each other.
const (
	aboutPerson      = "person"
	aboutUser        = "user"
	aboutEmail       = "email"
	aboutDomain      = "domain"
	aboutMethod      = "http_method"
	aboutAddress     = "source_ip"
	aboutGroups      = "groups"
	aboutCertificate = "valid client certificate"
)

// A choice is true where one of its options is; with no option it is false.
type choice []option

// An option is true where all its facts are and all the choices that follow.
type option struct {
	facts []fact
	then  []choice
}

var (
	always = choice{{}}
	never  = choice{}
)

func there(subject string, want bool) fact {
	return fact{kind: factThere, subject: subject, want: want}
}

// textFact says "in" for whatever lists texts.
func textFact(subject string, t stringTest, want bool) fact {
	switch t.operator {
	case "is":
		t.operator = "in"
	case "not", "not_in":
		t.operator, want = "in", !want
	}
	return fact{kind: factText, subject: subject, want: want, test: t, set: setOf(t.values)}
}

func setOf(values []string) map[string]bool {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		set[v] = true
	}
	return set
}

// textSubjects are the criteria that put a stringMatcher on one text.
var textSubjects = map[string]bool{
	aboutUser: true, aboutEmail: true, aboutDomain: true, aboutMethod: true, "http_path": true,
}

// truth is when c is as wanted, where doubt is as its clauses take it.
func truth(c criterion, doubt, want bool) choice {
	switch o := c.operand.(type) {
	case stringMatcher:
		if textSubjects[c.kind.name] {
			if c.kind.name == aboutDomain {
				o = o.mapValues(lowerASCII)
			}
			return textTruth(c.kind.name, o, c.session(), doubt && o.onlyExcludes(), want)
		}
	case listMatcher:
		switch c.kind.name {
		case aboutGroups:
			return listTruth(aboutGroups, o, want)
		case "claim":
			return listTruth("claim/"+c.subPath, o, want)
		}
	case networks:
		return networkTruth(o, doubt, want)
	case certificateMatcher:
		return certificateTruth(c, o, doubt, want)
	}
	return plainTruth(c, doubt, want)
}

// plainTruth is that of the criteria without an operand, and of all that lint
// does not look into: of those it knows that asking twice gives one answer.
func plainTruth(c criterion, doubt, want bool) choice {
	switch c.kind.name {
	case "accept", "reject":
		if want == (c.kind.name == "accept") {
			return always
		}
		return never
	case "authenticated_user":
		// A session always has a user: the provider's subject.
		return choice{{facts: []fact{there(aboutPerson, want)}}}
	case "invalid_client_certificate":
		return choice{{facts: []fact{{kind: factOpaque, subject: aboutCertificate, want: !want}}}}
	}
	facts := []fact{opaque(c, doubt, want)}
	if want && c.session() {
		facts = append(facts, there(aboutPerson, true))
	}
	if want && c.kind.name == "cors_preflight" {
		facts = append(facts, there(aboutMethod, true), textFact(aboutMethod, stringTest{"is", []string{"OPTIONS"}}, true))
	}
	return choice{{facts: facts}}
}

// doubtful marks the subject of an opaque fact that a missing value makes true.
const doubtful = "doubtful "

func opaque(c criterion, doubt, want bool) fact {
	subject := c.kind.name + "/" + c.subPath + ": " + operandText(c.operand)
	if doubt {
		subject = doubtful + subject
	}
	return fact{kind: factOpaque, subject: subject, want: want}
}

// textTruth is that of a matcher on one text. absent is what a text that is not
// there comes to.
func textTruth(subject string, m stringMatcher, session, absent, want bool) choice {
	is := []fact{there(subject, true)}
	if session {
		is = append(is, there(aboutPerson, true))
	}
	var out choice
	if want {
		all := is
		for _, t := range m {
			all = append(all, textFact(subject, t, true))
		}
		out = choice{{facts: all}}
	} else {
		for _, t := range m {
			out = append(out, option{facts: append(is[:len(is):len(is)], textFact(subject, t, false))})
		}
	}
	gone := []fact{there(subject, false)}
	switch {
	case absent == want && (want && session):
		// Only of somebody who is signed in.
		return append(out, option{facts: append(gone, there(aboutPerson, true))})
	case absent == want:
		return append(out, option{facts: gone})
	case !want && session:
		return append(out, option{facts: []fact{there(aboutPerson, false)}})
	}
	return out
}

// listTruth is that of a matcher on a list of the person, which may be empty.
func listTruth(subject string, m listMatcher, want bool) choice {
	one := func(t listTest, want bool) fact {
		f := fact{kind: factHolds, subject: subject, want: want, test: stringTest(t), set: setOf(t.values)}
		switch t.operator {
		case "is":
			f.kind = factAlone
		case "exclude":
			f.want = !want
		}
		return f
	}
	facts := []fact{there(aboutPerson, true)}
	if want {
		for _, t := range m {
			facts = append(facts, one(t, true))
		}
		return choice{{facts: facts}}
	}
	out := choice{{facts: []fact{there(aboutPerson, false)}}}
	for _, t := range m {
		out = append(out, option{facts: append(facts[:1:1], one(t, false))})
	}
	return out
}

func networkTruth(ns networks, doubt, want bool) choice {
	out := choice{{facts: []fact{there(aboutAddress, true), {kind: factWithin, subject: aboutAddress, want: want, nets: ns}}}}
	if doubt == want {
		out = append(out, option{facts: []fact{there(aboutAddress, false)}})
	}
	return out
}

// certificateTruth looks into the hashes. Names are one opaque fact, true in
// doubt of a certificate that nobody vouches for.
func certificateTruth(c criterion, m certificateMatcher, doubt, want bool) choice {
	var facts []fact
	names := false
	for _, t := range m {
		if t.names != nil {
			names = true
			continue
		}
		subject := c.kind.name + "." + t.field
		facts = append(facts, there(subject, true), textFact(subject, stringTest{"in", t.hashes}, true))
	}
	switch {
	case !names && want:
		return choice{{facts: facts}}
	case !want || doubt:
		return choice{{facts: []fact{opaque(c, doubt, want)}}}
	}
	return choice{{facts: append(facts, opaque(c, doubt, true), fact{kind: factOpaque, subject: aboutCertificate, want: true})}}
}

// operandText is the operand on one line, the same for equal operands.
func operandText(o operand) string {
	if o == nil {
		return ""
	}
	var b strings.Builder
	writeFlow(&b, o.node())
	return b.String()
}

func writeFlow(b *strings.Builder, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteString(", ")
			}
			writeFlow(b, n.Content[i])
			b.WriteString(": ")
			writeFlow(b, n.Content[i+1])
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteString(", ")
			}
			writeFlow(b, item)
		}
		b.WriteByte(']')
	default:
		if n.Style&yaml.DoubleQuotedStyle != 0 {
			b.WriteString(quote(n.Value))
			return
		}
		b.WriteString(n.Value)
	}
}
