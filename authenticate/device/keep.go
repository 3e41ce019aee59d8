package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-proxy/cardea/databroker"
)

// maxName bounds the name of a device, in characters.
const maxName = 64

// List returns the devices of the owner of session, the last used first.
func (d *Desk) List(ctx context.Context, session *databroker.Session) ([]*databroker.Device, error) {
	_, all, err := d.belongings(ctx, session)
	return all, err
}

// belongings returns the owner of session and their devices. What their list
// names and is not there, or is another's, is left out.
func (d *Desk) belongings(ctx context.Context, session *databroker.Session) (*databroker.User, []*databroker.Device, error) {
	user, err := d.o.Broker.User(ctx, session.UserKey())
	if err != nil {
		return nil, nil, fmt.Errorf("read user: %w", err)
	}
	var all []*databroker.Device
	for _, id := range user.DeviceIDs {
		one, err := d.o.Broker.Device(ctx, id)
		switch {
		case errors.Is(err, databroker.ErrNotFound):
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("read device: %w", err)
		case one.UserKey == user.Key:
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b *databroker.Device) int {
		return cmp.Or(b.LastUsedAt.Compare(a.LastUsedAt), b.EnrolledAt.Compare(a.EnrolledAt))
	})
	return user, all, nil
}

// own returns the device id if it is a's.
func (d *Desk) own(ctx context.Context, a Asker, id string) (*databroker.Device, error) {
	one, err := d.o.Broker.Device(ctx, id)
	switch {
	case errors.Is(err, databroker.ErrNotFound), err == nil && one.UserKey != a.Session.UserKey():
		return nil, ErrNotYours // the same answer: who asks need not know which ids there are
	case err != nil:
		return nil, fmt.Errorf("read device: %w", err)
	}
	return one, nil
}

// Rename gives a device of a's another name.
func (d *Desk) Rename(ctx context.Context, a Asker, id, name string) error {
	name, ok := cleanName(name)
	if !ok {
		return ErrName
	}
	for range maxTries {
		one, err := d.own(ctx, a, id)
		if err != nil || one.Name == name {
			return err
		}
		next := one.Clone()
		next.Name = name
		next.Note(databroker.DeviceEvent{At: d.o.Now().UTC(), What: databroker.DeviceRenamed, From: a.Address})
		if err := d.o.Broker.PutDevice(ctx, next); !errors.Is(err, databroker.ErrConflict) {
			return err
		}
	}
	return errManyWrites
}

// Delete removes a device of a's. It counts for nothing from then on, whatever
// session shows it.
func (d *Desk) Delete(ctx context.Context, a Asker, id string) error {
	one, err := d.own(ctx, a, id)
	if err != nil {
		return err
	}
	d.log(a).Str("device", id).Msg("device deleted by its owner")
	return d.disown(ctx, one)
}

// changeUser applies change to the user's record, again if another was faster.
// change reports whether there is anything to write.
func (d *Desk) changeUser(ctx context.Context, key string, change func(*databroker.User) bool) error {
	for range maxTries {
		user, err := d.o.Broker.User(ctx, key)
		if err != nil {
			return fmt.Errorf("read user: %w", err)
		}
		next := user.Clone()
		if !change(next) {
			return nil
		}
		if err := d.o.Broker.PutUser(ctx, next); !errors.Is(err, databroker.ErrConflict) {
			return err
		}
	}
	return errManyWrites
}

// cleanName returns name as it is kept, and whether it can be one: something
// that is seen, on one line.
func cleanName(name string) (string, bool) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName {
		return "", false
	}
	return name, strings.ContainsFunc(name, isSeen) && !strings.ContainsFunc(name, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !joins(r) || shapeless(r)
	})
}

// isSeen reports whether r shows by itself: a mark needs something to stand on.
func isSeen(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !shapeless(r)
}

// joins reports whether r is a joiner: scripts and emoji need them.
func joins(r rune) bool { return r == '\u200c' || r == '\u200d' }

// shapeless reports whether r is a letter or a sign that nothing is seen of.
func shapeless(r rune) bool {
	return r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0' || r == '\u2800'
}
