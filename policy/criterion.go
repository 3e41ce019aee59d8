package policy

import (
	"maps"
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// A kind is one criterion of the language: how its operand is read, what it
// reads of the facts, and the Rego that it becomes. Adding a criterion is a
// file criterion_<name>.go and a line in criteria.
type kind struct {
	name string
	// summary says in one sentence what the criterion is true of; editors show
	// it. Empty, as form is nil, with notYet.
	summary string
	// form is the JSON Schema of the operand: it takes whatever parse takes, and
	// refuses most of what parse refuses.
	form func() schema
	// subPath says that the name goes on after a slash, as in claim/department.
	subPath bool
	example string // of what follows, for messages
	// sub brings what follows the slash to its one form, or says what is wrong
	// with it and what would be right; nil takes it as it stands.
	sub func(name string) (canonical, problem, want string)
	// notYet says that the operand is read and checked, and the criterion then
	// refused: nothing here can tell what it asks.
	notYet bool
	// session says that the criterion asks about the person. Where nobody is
	// signed in it is false with the reason user-unauthenticated, whatever its
	// clauses say.
	session bool
	// sessionOf says the same of one criterion where it depends on the operand;
	// nil where it does not. Its readsOf then has Session.
	sessionOf func(c criterion) bool
	// reads are the inputs that clauses may name. An input that is not here is
	// not in the Rego input, so a forgotten one shows as a denial in the first
	// test.
	reads Reads
	// readsOf are the inputs that depend on the operand or the sub-path, such as
	// one header; nil where there are none.
	readsOf func(c criterion) Reads
	// until returns the first moment after f's at which the criterion may turn
	// out otherwise for the same person and request; zero is never. nil for
	// criteria that do not read the clock.
	until func(c criterion, f *Facts) time.Time
	// parse checks the operand and reports what is wrong with it.
	parse func(p *parser, path string, n *yaml.Node) operand
	// clauses is the meaning of the criterion, tried in order. The last one
	// has no conditions. doubt is the truth that leads towards a denial where
	// this criterion stands; a clause for a missing or broken fact has it. Texts
	// of the operand go through l.
	clauses func(c criterion, l *literals, doubt bool) []clause
	// fold joins the operands of two criteria into one that is true where
	// either was, with the same reasons; nil, or ok false, where that cannot be.
	fold func(a, b operand) (joined operand, ok bool)
}

// An operand is what a criterion is given, already checked.
type operand interface {
	// node is the operand as Format writes it; parsing it gives it back.
	node() *yaml.Node
}

// A clause is one possible result of a criterion and the Rego conditions, all
// of which must hold, under which it is the result.
type clause struct {
	truth      bool
	reason     string
	conditions []string
}

// criteria is the language by name. It never changes.
var criteria = byName(
	criterionAccept,
	criterionAuthenticatedUser,
	criterionClaim,
	criterionClientCertificate,
	criterionCORSPreflight,
	criterionDate,
	criterionDayOfWeek,
	criterionDevice,
	criterionDomain,
	criterionEmail,
	criterionGrant,
	criterionGroups,
	criterionHTTPHeader,
	criterionHTTPMethod,
	criterionHTTPPath,
	criterionHTTPQuery,
	criterionInvalidClientCertificate,
	criterionMCPTool,
	criterionRecord,
	criterionReject,
	criterionSignedInWithin,
	criterionSourceIP,
	criterionSSHCA,
	criterionSSHPublicKey,
	criterionSSHUsername,
	criterionSSHUsernameMatchesClaim,
	criterionSSHUsernameMatchesEmail,
	criterionTimeOfDay,
	criterionUser,
)

// knownElsewhere are criteria that people know from the wider language and
// that must not be taken for a typing error.
var knownElsewhere = map[string]string{
	"pomerium_routes": "is no criterion any more: the reserved paths need no rule",
}

// notYet is what is said of a criterion with notYet.
const notYet = "not supported yet"

func byName(kinds ...*kind) map[string]*kind {
	m := make(map[string]*kind, len(kinds))
	for _, k := range kinds {
		m[k.name] = k
	}
	return m
}

// criterionNames are the criteria that a policy can be made of.
func criterionNames() []string {
	names := slices.Sorted(maps.Keys(criteria))
	return slices.DeleteFunc(names, func(name string) bool { return criteria[name].notYet })
}

// anything is the operand of criteria that need none. What was written is not
// kept.
type anything struct{}

func (anything) node() *yaml.Node {
	return truthNode(true)
}

// parseAnything takes any operand but false. A rule "accept: false" would mean
// the same as "accept: true", and nobody who writes it means that.
func parseAnything(p *parser, path string, n *yaml.Node) operand {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		if text, _ := scalarText(n); text == "false" {
			p.report(path, n, "the operand is ignored, so false would mean the same as true", "true, or no such rule")
		}
	}
	return anything{}
}

// foldAnything joins two criteria that are the same one.
func foldAnything(operand, operand) (operand, bool) { return anything{}, true }

// reads are all inputs that c may name.
func (c criterion) reads() Reads {
	if c.kind.readsOf == nil {
		return c.kind.reads
	}
	return c.kind.reads.union(c.kind.readsOf(c))
}

// session reports whether c asks about the person.
func (c criterion) session() bool {
	return c.kind.session || c.kind.sessionOf != nil && c.kind.sessionOf(c)
}
