package databroker

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a record, in bytes.
const (
	MaxTypeSize = 64
	MaxIDSize   = 512
	MaxDataSize = 1 << 20
)

// A Record is one remembered thing. The zero Version is that of no record;
// the first write makes it 1 and each further write, a deletion included,
// adds 1. A record of the same type and id that is written again after a
// deletion goes on counting.
type Record struct {
	Type       string
	ID         string
	Version    uint64
	Data       []byte // at most MaxDataSize bytes, in the writer's own form
	ModifiedAt time.Time
	ExpiresAt  time.Time // zero is never; from then on the record counts as absent
	Deleted    bool      // only in changes: reads answer ErrNotFound instead
}

// Expired reports whether r is void at now. It expires at ExpiresAt, not after.
func (r *Record) Expired(now time.Time) bool {
	return !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt)
}

// A Position is a place in the feed of changes. Positions of one epoch are
// ordered by Number; another epoch is another store. The zero Position is no
// place: a watch from there starts now.
type Position struct {
	Epoch  uint64
	Number uint64
}

// checkName refuses types and ids that are empty, too long or not plain text:
// they end up in logs and in the console.
func checkName(what, s string, limit int) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: no %s", ErrInvalid, what)
	case len(s) > limit:
		return fmt.Errorf("%w: the %s has %d bytes, at most %d are allowed", ErrInvalid, what, len(s), limit)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, isControl):
		return fmt.Errorf("%w: the %s holds bytes that are not text", ErrInvalid, what)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

func checkKey(typ, id string) error {
	if err := checkName("record type", typ, MaxTypeSize); err != nil {
		return err
	}
	return checkName("record id", id, MaxIDSize)
}
