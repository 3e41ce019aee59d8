package databroker

import (
	"maps"
	"slices"
	"time"
)

// The record types of the values in this file. TypeUsed is what UseOnce
// leaves behind, its purpose following after a slash.
const (
	TypeUser          = "user"
	TypeDirectoryUser = "directory_user"
	TypeLocalPassword = "local_password"
	TypeAccess        = "access"
	TypeUsed          = "used"
)

// UserKey returns the id of the User record of sub at the provider idpID. The
// provider's id is ours and holds no slash, so no two people share a key.
func UserKey(idpID, sub string) string { return idpID + "/" + sub }

// A User is what the provider last said about a person. A *User that a View
// returned is shared and must not be changed.
type User struct {
	Key     string `json:"-"` // UserKey; the record id
	Version uint64 `json:"-"` // of the record; 0 before the first PutUser

	ID     string         `json:"id"` // the provider's `sub`
	Email  string         `json:"email,omitempty"`
	Name   string         `json:"name,omitempty"`
	Groups []string       `json:"groups,omitempty"`
	Claims map[string]any `json:"claims,omitempty"` // numbers are json.Number once read back

	// DeviceIDs and GrantIDs lead to the person's Device and Grant records. One
	// that leads nowhere counts as absent.
	DeviceIDs []string `json:"device_ids,omitempty"`
	GrantIDs  []string `json:"grant_ids,omitempty"`

	// Impersonated are the last times that an administrator has acted as the
	// person, the latest last. It is there for the person to see.
	Impersonated []Impersonated `json:"impersonated,omitempty"`

	// Disabled shuts the person out, whatever sessions there are.
	Disabled bool `json:"disabled,omitempty"`
}

// Clone returns a copy that may be changed and put.
func (u *User) Clone() *User {
	c := *u
	c.Groups = slices.Clone(u.Groups)
	c.DeviceIDs, c.GrantIDs = slices.Clone(u.DeviceIDs), slices.Clone(u.GrantIDs)
	c.Impersonated = slices.Clone(u.Impersonated)
	c.Claims = maps.Clone(u.Claims)
	return &c
}

// A DirectoryUser is what a directory says about a person: groups that no
// provider's claim carries.
type DirectoryUser struct {
	Key     string `json:"-"` // UserKey; the record id
	Version uint64 `json:"-"`

	Email      string   `json:"email,omitempty"`
	Name       string   `json:"name,omitempty"`
	GroupIDs   []string `json:"group_ids,omitempty"`
	GroupNames []string `json:"group_names,omitempty"`
}

// A LocalPassword is the password of a user of the built-in provider who has
// none in the configuration.
type LocalPassword struct {
	Email   string `json:"-"` // lower case; the record id
	Version uint64 `json:"-"`

	Hash      Secret    `json:"hash"` // PHC string
	CreatedAt time.Time `json:"created_at"`
}

// An access says when a session was last used: a record of its own, so that using
// a session does not wake everything that remembers it.
type access struct {
	At time.Time `json:"at"`
}
