package policy

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// PersonData says who is signed in.
type PersonData struct {
	SessionID       string           `json:"session_id,omitempty"`
	UserID          string           `json:"user_id,omitempty"` // the identity provider's id of the person
	Email           string           `json:"email,omitempty"`
	Name            string           `json:"name,omitempty"` // for people to read; no criterion asks for it
	Groups          []string         `json:"groups,omitempty"`
	DirectoryGroups []DirectoryGroup `json:"directory_groups,omitempty"`
	Claims          map[string]any   `json:"claims,omitempty"`  // as JSON decodes them
	SignedInAt      time.Time        `json:"signed_in_at"`      // when they last proved who they are; zero is not known
	Devices         []Device         `json:"devices,omitempty"` // those that have shown themselves in this session
	Grants          []Grant          `json:"grants,omitempty"`  // what they may do for a time
}

// A Device is an enrolled device that has shown itself in the session.
type Device struct {
	ID       string `json:"id"`       // of its credential
	Type     string `json:"type"`     // DeviceAny or DeviceEnclave: what was demanded of it when it was enrolled
	Approved bool   `json:"approved"` // somebody has approved its enrollment
	// ShownAt is when it last showed itself; zero is not known. UserVerified says
	// that its owner proved to be there by PIN or biometry then.
	ShownAt      time.Time `json:"shown_at"`
	UserVerified bool      `json:"user_verified"`
}

// The types of devices: any authenticator, and only one inside the device.
const (
	DeviceAny     = "any"
	DeviceEnclave = "enclave_only"
)

// A Grant is a permission for a time.
type Grant struct {
	Name      string    `json:"name"`
	ExpiresAt time.Time `json:"expires_at"` // it holds before then
}

// A DirectoryGroup is a group that a directory lists the person in.
type DirectoryGroup struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// A Person is a PersonData as the values that Rego reads. It is immutable and
// safe for concurrent use. Decisions are remembered under its address, so one
// must be made for each version of a session and its user, and used as long as
// that version is the newest.
type Person struct {
	term      *ast.Term
	hash      uint32 // spreads persons over the shards of a memory
	sessionID string
	userID    string
	email     string
	name      string
	groupIDs  []string
	signedIn  time.Time
	shown     []time.Time // when devices showed themselves, where that is known
	grants    []Grant
}

// NewPerson prepares what policies read of a person. It keeps nothing of d.
// What d leaves empty is not there for a policy, rather than equal to "".
func NewPerson(d PersonData) *Person {
	var items [][2]*ast.Term
	text := func(name, value string) {
		if value != "" {
			items = append(items, ast.Item(ast.StringTerm(name), ast.StringTerm(value)))
		}
	}
	text("session_id", d.SessionID)
	text("user_id", d.UserID)
	text("email", d.Email)
	text("domain", emailDomain(d.Email))
	groups, only := groupSets(d)
	items = append(items, ast.Item(ast.StringTerm("groups"), ast.NewTerm(groups)))
	if only != nil {
		items = append(items, ast.Item(ast.StringTerm("only_group"), ast.NewTerm(only)))
	}
	claims := claimTerm(d.Claims, 0)
	if claims == nil {
		claims = ast.ObjectTerm()
	}
	items = append(items, ast.Item(ast.StringTerm("claims"), claims))
	if !d.SignedInAt.IsZero() {
		items = append(items, ast.Item(ast.StringTerm("signed_in_ms"), ast.NumberTerm(jsonNumber(d.SignedInAt.UnixMilli()))))
	}
	items = append(items,
		ast.Item(ast.StringTerm("devices"), devicesTerm(d.Devices)),
		ast.Item(ast.StringTerm("grants"), grantsTerm(d.Grants)))

	h := fnv.New32a()
	h.Write([]byte(d.SessionID))
	return &Person{
		term: ast.ObjectTerm(items...), hash: h.Sum32(), sessionID: d.SessionID, userID: d.UserID, email: d.Email,
		name: d.Name, groupIDs: groupIDs(d),
		signedIn: d.SignedInAt, shown: shownAt(d.Devices), grants: slices.Clone(d.Grants),
	}
}

func shownAt(devices []Device) (at []time.Time) {
	for _, d := range devices {
		if !d.ShownAt.IsZero() {
			at = append(at, d.ShownAt)
		}
	}
	return at
}

func devicesTerm(devices []Device) *ast.Term {
	terms := make([]*ast.Term, len(devices))
	for i, d := range devices {
		items := [][2]*ast.Term{
			ast.Item(ast.StringTerm("id"), ast.StringTerm(d.ID)),
			ast.Item(ast.StringTerm("type"), ast.StringTerm(d.Type)),
			ast.Item(ast.StringTerm("approved"), ast.BooleanTerm(d.Approved)),
			ast.Item(ast.StringTerm("user_verified"), ast.BooleanTerm(d.UserVerified)),
		}
		if !d.ShownAt.IsZero() {
			items = append(items, ast.Item(ast.StringTerm("shown_ms"), ast.NumberTerm(jsonNumber(d.ShownAt.UnixMilli()))))
		}
		terms[i] = ast.ObjectTerm(items...)
	}
	return ast.ArrayTerm(terms...)
}

func grantsTerm(grants []Grant) *ast.Term {
	terms := make([]*ast.Term, len(grants))
	for i, g := range grants {
		terms[i] = ast.ObjectTerm(
			ast.Item(ast.StringTerm("name"), ast.StringTerm(g.Name)),
			ast.Item(ast.StringTerm("expires_ms"), ast.NumberTerm(jsonNumber(g.ExpiresAt.UnixMilli()))))
	}
	return ast.ArrayTerm(terms...)
}

// emailDomain returns the domain of an address with exactly one "@" and
// something on both sides of it, in lower case; "" for any other.
func emailDomain(email string) string {
	local, domain, found := strings.Cut(email, "@")
	if !found || local == "" || strings.Contains(domain, "@") {
		return ""
	}
	return lowerASCII(domain)
}

// groupSets returns every name of every group, and, where there is exactly one
// group, its names. A group of the claim that a directory group is called by
// is that one.
func groupSets(d PersonData) (all, only ast.Set) {
	all = ast.NewSet()
	count := 0
	for _, g := range d.DirectoryGroups {
		count++
		addText(all, g.ID)
		addText(all, g.Name)
	}
	for _, g := range d.Groups {
		if g != "" && !all.Contains(ast.StringTerm(g)) {
			count++
			addText(all, g)
		}
	}
	if count == 1 {
		only = all
	}
	return all, only
}

func addText(s ast.Set, text string) {
	if text != "" {
		s.Add(ast.StringTerm(text))
	}
}

// maxClaimNesting bounds the levels of a claim that are kept. Deeper ones have
// no path that reaches them.
const maxClaimNesting = maxClaimDepth + 1

// claimTerm returns an object for an object and a set of texts for a list and
// for a single value, which is a list of one; nil for null and for what no
// claim can be.
func claimTerm(v any, depth int) *ast.Term {
	switch v := v.(type) {
	case nil:
		return nil
	case map[string]any:
		if depth >= maxClaimNesting {
			return nil
		}
		items := make([][2]*ast.Term, 0, len(v))
		for name, value := range v {
			if t := claimTerm(value, depth+1); t != nil {
				items = append(items, ast.Item(ast.StringTerm(name), t))
			}
		}
		return ast.ObjectTerm(items...)
	case []any:
		set := ast.NewSet()
		for _, item := range v {
			if text, ok := claimText(item); ok {
				set.Add(ast.StringTerm(text))
			}
		}
		return ast.NewTerm(set)
	}
	if text, ok := claimText(v); ok {
		return ast.SetTerm(ast.StringTerm(text))
	}
	// A type that JSON does not decode to, such as []string: as its JSON.
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var plain any
	if json.Unmarshal(raw, &plain) != nil {
		return nil
	}
	if _, isMap := plain.(map[string]any); isMap || isList(plain) {
		return claimTerm(plain, depth)
	}
	return nil
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// claimText returns the text of a single value. Numbers have no exponent and
// no needless digit, so that 1e3, 1000 and 1000.0 are one text.
func claimText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int, int32, int64, uint, uint32, uint64:
		return fmt.Sprint(v), true
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return v.String(), true
		}
		f, err := v.Float64()
		return strconv.FormatFloat(f, 'f', -1, 64), err == nil
	}
	return "", false
}
