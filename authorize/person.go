package authorize

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/policy"
)

// A person is a session with its owner, made ready once for one version of the
// records and then only read. What is remembered about people is remembered
// under its address.
type person struct {
	session   *databroker.Session
	user      *databroker.User
	directory *databroker.DirectoryUser // nil: no directory knows this person
	held      holdings

	key    string // of the user's record
	email  string
	name   string
	groups []string       // never nil: those of the provider, then ids and names of the directory's
	claims map[string]any // of the session, overridden by those of the user

	data       policy.PersonData
	facts      *policy.Person // of data
	routingKey string         // for hash load balancing: it names a session and reveals none
	log        logIdentity

	acting *acting // nil for nearly everybody: they are themself
}

func newPerson(session *databroker.Session, user *databroker.User, directory *databroker.DirectoryUser, held holdings) *person {
	p := &person{
		session: session, user: user, directory: directory, held: held, key: session.UserKey(),
		email: user.Email, name: user.Name, groups: make([]string, 0, len(user.Groups)),
		claims: make(map[string]any, len(session.Claims)+len(user.Claims)),
	}
	p.groups = append(p.groups, user.Groups...)
	if directory != nil {
		if directory.Email != "" {
			p.email = directory.Email
		}
		if directory.Name != "" && p.name == "" {
			p.name = directory.Name
		}
		for _, group := range slices.Concat(directory.GroupIDs, directory.GroupNames) {
			if !slices.Contains(p.groups, group) {
				p.groups = append(p.groups, group)
			}
		}
	}
	maps.Copy(p.claims, session.Claims)
	maps.Copy(p.claims, user.Claims)
	sum := sha256.Sum256([]byte(session.ID))
	p.routingKey = hex.EncodeToString(sum[:])
	p.log = newLogIdentity(p)
	p.data = policyPerson(p)
	p.facts = policy.NewPerson(p.data)
	return p
}
