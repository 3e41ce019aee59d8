package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Types of records that are made from the person who asks. They hold no token,
// and of another person there is none.
var personRecords = map[string]func(*Person) *ast.Term{
	"type.googleapis.com/session.Session": (*Person).sessionRecord,
	"type.googleapis.com/user.User":       (*Person).userRecord,
	"pomerium.io/DirectoryUser":           (*Person).directoryRecord,
	"type.googleapis.com/directory.User":  (*Person).directoryRecord,
}

// sessionRecordType is the one of personRecords that is kept by session.
const sessionRecordType = "type.googleapis.com/session.Session"

// maxRecords bounds the external records that one evaluation looks up.
const maxRecords = 100

var (
	errManyRecords = fmt.Errorf("more than %d records are looked up", maxRecords)
	errRecordID    = errors.New(`want an id of the request: that of the person or their e-mail address, the client's IP address or its certificate's fingerprint`)
	errTwoKinds    = errors.New("the person's id reads like an address or a fingerprint, so that nobody knows which is meant")
)

// getRecord is get_databroker_record(type, id).
func getRecord(bctx topdown.BuiltinContext, args []*ast.Term, yield func(*ast.Term) error) error {
	e := evaluationOf(bctx.Context)
	found, err := e.record(bctx, textOf(args[0]), textOf(args[1]))
	if err != nil {
		said := &topdown.Error{
			Code: topdown.BuiltinErr, Location: bctx.Location,
			Message: fmt.Sprintf("%s(%q, ...): %v", recordFunction.Name, textOf(args[0]), err),
		}
		return topdown.Halt{Err: said.Wrap(err)}
	}
	return yield(found)
}

func (e *evaluation) record(bctx topdown.BuiltinContext, typ, id string) (*ast.Term, error) {
	if id == "" {
		return ast.NullTerm(), nil // of nobody
	}
	f := e.facts
	if project, ok := personRecords[typ]; ok {
		p := f.Person
		if p == nil || typ == sessionRecordType && id != p.sessionID || typ != sessionRecordType && id != p.userID {
			return ast.NullTerm(), nil
		}
		return project(p), nil
	}
	if e.records++; e.records > maxRecords {
		return nil, errManyRecords
	}
	keys, err := f.keysOf(id)
	if err != nil || f.Records == nil {
		return ast.NullTerm(), err
	}
	for _, key := range keys {
		found, err := f.Records.Record(bctx.Context, typ, key, id)
		if err != nil {
			return nil, storeError{err}
		}
		if found != nil {
			return found.term, nil
		}
	}
	return ast.NullTerm(), nil
}

// keysOf returns what an id may be a key of, in the order of RecordKeys. An id
// of the person that is also one of the connection is refused: whoever can
// choose the one must not be taken for the other.
func (f *Facts) keysOf(id string) (keys []RecordKey, err error) {
	person, connection := false, false
	for _, key := range RecordKeys {
		if f.recordValue(key) != id {
			continue
		}
		keys = append(keys, key)
		ofPerson := key == KeyUserID || key == KeyUserEmail
		person, connection = person || ofPerson, connection || !ofPerson
	}
	switch {
	case person && connection:
		return nil, errTwoKinds
	case len(keys) == 0:
		return nil, errRecordID
	}
	return keys, nil
}

// recordReads is what one look-up in a compiled module reads. That of the
// person's own record is covered by the session; a decision with another is not
// remembered.
func recordReads(call []*ast.Term) Reads {
	if len(call) > 1 {
		if typ, ok := call[1].Value.(ast.String); ok && personRecords[string(typ)] != nil {
			return Reads{Session: true}
		}
	}
	// The address and the certificate are looked at to tell what an id is.
	return Reads{Session: true, Address: true, Certificate: true, CertificateLeaf: true, Volatile: true}
}

func object(items ...[2]*ast.Term) *ast.Term { return ast.ObjectTerm(items...) }

func field(name string, value *ast.Term) [2]*ast.Term { return ast.Item(ast.StringTerm(name), value) }

func (p *Person) sessionRecord() *ast.Term {
	items := [][2]*ast.Term{
		field("id", ast.StringTerm(p.sessionID)), field("user_id", ast.StringTerm(p.userID)), field("claims", p.claimLists()),
	}
	if !p.signedIn.IsZero() {
		items = append(items, field("issued_at", ast.StringTerm(p.signedIn.UTC().Format(time.RFC3339Nano))))
	}
	return object(items...)
}

func (p *Person) userRecord() *ast.Term {
	return object(field("id", ast.StringTerm(p.userID)), field("email", ast.StringTerm(p.email)),
		field("name", ast.StringTerm(p.name)), field("claims", p.claimLists()))
}

func (p *Person) directoryRecord() *ast.Term {
	return object(field("id", ast.StringTerm(p.userID)), field("email", ast.StringTerm(p.email)),
		field("display_name", ast.StringTerm(p.name)), field("group_ids", textsTerm(p.groupIDs)))
}

// claimLists are the claims with a list of texts where the person has a set of
// them, as records have it.
func (p *Person) claimLists() *ast.Term {
	claims := p.term.Get(ast.StringTerm("claims"))
	if claims == nil {
		return object()
	}
	return withLists(claims)
}

func withLists(t *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case ast.Set:
		return ast.ArrayTerm(v.Slice()...)
	case ast.Object:
		items := make([][2]*ast.Term, 0, v.Len())
		v.Foreach(func(name, value *ast.Term) { items = append(items, ast.Item(name, withLists(value))) })
		return object(items...)
	}
	return t
}

// groupIDs are the ids of the person's groups: those of the directory, and the
// names of the claim that the directory does not know.
func groupIDs(d PersonData) []string {
	var ids []string
	known := map[string]bool{"": true}
	for _, g := range d.DirectoryGroups {
		id := g.ID
		if id == "" {
			id = g.Name
		}
		if !known[id] {
			ids = append(ids, strings.Clone(id))
		}
		known[g.ID], known[g.Name] = true, true
	}
	for _, g := range d.Groups {
		if !known[g] {
			ids, known[g] = append(ids, strings.Clone(g)), true
		}
	}
	return ids
}
