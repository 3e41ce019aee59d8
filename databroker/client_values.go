package databroker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// PutOptions say under which condition and for how long a value is written.
// The zero value writes a value that must not exist yet and never expires.
type PutOptions struct {
	Expected  uint64    // the version the record has now; 0: there is none
	Overwrite bool      // write whatever the version is
	ExpiresAt time.Time // zero is never
	Quiet     bool      // keep the write out of the feed
}

// GetJSON reads the record typ/id into value, a pointer, and returns its
// version; ErrNotFound if there is none. Secrets in value are opened.
func (c *Client) GetJSON(ctx context.Context, typ, id string, value any) (version uint64, err error) {
	r, err := c.Get(ctx, typ, id)
	if err != nil {
		return 0, err
	}
	return r.Version, c.Decode(r, value)
}

// PutJSON writes value as the record typ/id and returns its new version. What
// of value is a Secret, directly or in structs and slices, is sealed a second
// time. ErrConflict says that the record has another version than expected.
func (c *Client) PutJSON(ctx context.Context, typ, id string, value any, o PutOptions) (version uint64, err error) {
	data, err := c.codec.encode(typ, id, value)
	if err != nil {
		return 0, err
	}
	return c.Put(ctx, Write{
		Type: typ, ID: id, Data: data, ExpiresAt: o.ExpiresAt,
		Expected: o.Expected, Overwrite: o.Overwrite, Quiet: o.Quiet,
	})
}

// Decode reads the value that PutJSON wrote out of a record from Get, List or
// Watch. ErrTampered says that it is not of that form.
func (c *Client) Decode(r *Record, value any) error {
	if r.Deleted {
		return ErrNotFound
	}
	return c.codec.decode(r.Type, r.ID, r.Data, value)
}

// Session returns the session id, or ErrNotFound.
func (c *Client) Session(ctx context.Context, id string) (*Session, error) {
	return get(ctx, c, TypeSession, id, c.sessionFrom)
}

// PutSession writes s if its record still has the version s.Version, 0
// standing for no record, and sets s.Version to the new one. It returns
// ErrConflict otherwise, as when the session has been deleted meanwhile. The
// record lives until s.ExpiresAt.
func (c *Client) PutSession(ctx context.Context, s *Session) error {
	if s.ExpiresAt.IsZero() {
		return fmt.Errorf("put session: %w: it has no end", ErrInvalid)
	}
	return put(ctx, c, TypeSession, s.ID, s, &s.Version, s.ExpiresAt)
}

// DeleteSession deletes the session id whatever its version. It is no error
// if there is none.
func (c *Client) DeleteSession(ctx context.Context, id string) error {
	return c.Remove(ctx, TypeSession, id)
}

// User returns the user with that key, or ErrNotFound.
func (c *Client) User(ctx context.Context, key string) (*User, error) {
	return get(ctx, c, TypeUser, key, c.userFrom)
}

// PutUser writes u if its record still has the version u.Version, 0 standing
// for no record, and sets u.Version to the new one; else ErrConflict.
func (c *Client) PutUser(ctx context.Context, u *User) error {
	return put(ctx, c, TypeUser, u.Key, u, &u.Version, time.Time{})
}

// DirectoryUser returns what the directory says about the user with that key,
// or ErrNotFound.
func (c *Client) DirectoryUser(ctx context.Context, key string) (*DirectoryUser, error) {
	return get(ctx, c, TypeDirectoryUser, key, c.directoryUserFrom)
}

// PutDirectoryUser writes u as PutUser does.
func (c *Client) PutDirectoryUser(ctx context.Context, u *DirectoryUser) error {
	return put(ctx, c, TypeDirectoryUser, u.Key, u, &u.Version, time.Time{})
}

// LocalPassword returns the password of the local user with that e-mail, or
// ErrNotFound.
func (c *Client) LocalPassword(ctx context.Context, email string) (*LocalPassword, error) {
	return get(ctx, c, TypeLocalPassword, email, c.localPasswordFrom)
}

// PutLocalPassword writes p as PutUser does.
func (c *Client) PutLocalPassword(ctx context.Context, p *LocalPassword) error {
	return put(ctx, c, TypeLocalPassword, p.Email, p, &p.Version, time.Time{})
}

// usedMargin keeps what was used longer than its own time, so that replicas
// whose clocks differ do not take it for new.
const usedMargin = 5 * time.Minute

// UseOnce uses up id, which must be unique within purpose, and is remembered
// until after until. It returns nil to one caller ever and ErrUsed to the
// others, whichever replica they ask. What is past its time counts as used.
func (c *Client) UseOnce(ctx context.Context, purpose, id string, until time.Time) error {
	if !c.now().Before(until) {
		return ErrUsed
	}
	_, err := c.Put(ctx, Write{
		Type: TypeUsed + "/" + purpose, ID: id, ExpiresAt: until.Add(usedMargin), Quiet: true,
	})
	if errors.Is(err, ErrConflict) {
		return ErrUsed
	}
	return err
}

func get[T any](ctx context.Context, c *Client, typ, id string, from func(*Record) (*T, error)) (*T, error) {
	r, err := c.Get(ctx, typ, id)
	if err != nil {
		return nil, err
	}
	return from(r)
}

func put(ctx context.Context, c *Client, typ, id string, value any, version *uint64, expires time.Time) error {
	v, err := c.PutJSON(ctx, typ, id, value, PutOptions{Expected: *version, ExpiresAt: expires})
	if err != nil {
		return err
	}
	*version = v
	return nil
}

func (c *Client) sessionFrom(r *Record) (*Session, error) {
	s := &Session{ID: r.ID, Version: r.Version}
	if err := c.Decode(r, s); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Client) userFrom(r *Record) (*User, error) {
	u := &User{Key: r.ID, Version: r.Version}
	if err := c.Decode(r, u); err != nil {
		return nil, err
	}
	return u, nil
}

func (c *Client) directoryUserFrom(r *Record) (*DirectoryUser, error) {
	u := &DirectoryUser{Key: r.ID, Version: r.Version}
	if err := c.Decode(r, u); err != nil {
		return nil, err
	}
	return u, nil
}

func (c *Client) localPasswordFrom(r *Record) (*LocalPassword, error) {
	p := &LocalPassword{Email: strings.ToLower(r.ID), Version: r.Version}
	if err := c.Decode(r, p); err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Client) accessFrom(r *Record) (*access, error) {
	a := new(access)
	if err := c.Decode(r, a); err != nil {
		return nil, err
	}
	return a, nil
}
