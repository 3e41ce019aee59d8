package databroker

import (
	"context"
	"fmt"
	"strings"
)

// TypeExternal is the record type of External.
const TypeExternal = "external"

// An External is what somebody else knows of a person, an address or a
// certificate, kept here so that policies can read it. A *External that a View
// returned is shared and must not be changed.
type External struct {
	Type    string `json:"-"` // such as "geoip"; holds no "|"
	Key     string `json:"-"` // what Value is, such as "user.id"; holds no "|"
	Value   string `json:"-"`
	Version uint64 `json:"-"` // of the record; 0 before the first PutExternal

	Data map[string]any `json:"data"` // numbers are json.Number once read back
}

// ExternalID is the record id. Type and key hold no bar, so that no two
// externals share one.
func ExternalID(typ, key, value string) string { return typ + "|" + key + "|" + value }

// External returns the external record, or ErrNotFound.
func (c *Client) External(ctx context.Context, typ, key, value string) (*External, error) {
	e, err := get(ctx, c, TypeExternal, ExternalID(typ, key, value), c.externalFrom)
	if err != nil {
		return nil, err
	}
	e.Type, e.Key, e.Value = typ, key, value
	return e, nil
}

// PutExternal writes e as PutUser does.
func (c *Client) PutExternal(ctx context.Context, e *External, o PutOptions) error {
	for _, part := range []string{e.Type, e.Key} {
		if strings.Contains(part, "|") {
			return fmt.Errorf("put external record: %w: %q holds a bar", ErrInvalid, part)
		}
	}
	version, err := c.PutJSON(ctx, TypeExternal, ExternalID(e.Type, e.Key, e.Value), e, o)
	if err != nil {
		return err
	}
	e.Version = version
	return nil
}

// DeleteExternal deletes the external record whatever its version. It is no
// error if there is none.
func (c *Client) DeleteExternal(ctx context.Context, typ, key, value string) error {
	return c.Remove(ctx, TypeExternal, ExternalID(typ, key, value))
}

func (c *Client) externalFrom(r *Record) (*External, error) {
	e := &External{Version: r.Version}
	if err := c.Decode(r, e); err != nil {
		return nil, err
	}
	return e, nil
}

// External returns the external record, or ErrNotFound, or ErrStale. A value
// that is too long to be one is in no record.
func (v *View) External(ctx context.Context, typ, key, value string) (*External, error) {
	id := ExternalID(typ, key, value)
	if checkKey(TypeExternal, id) != nil {
		return nil, ErrNotFound
	}
	return v.externals.get(ctx, id, 0)
}
