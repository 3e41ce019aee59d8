package databroker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cardea-proxy/cardea/internal/seal"
)

// The key ring rests in the store, wrapped under a key derived from the shared
// secret, at a key that no keyed hash comes to. The data keys in it are
// random, so that one can be replaced while serving; so is the key of ids, so
// that the shared secret can change without moving a single entry.
var ringPlace Key

const (
	wrapPurpose = "databroker/key-ring"
	ringFormat  = 1 // first byte of the wrapped ring, and bound by its seal
)

// keyring is an opened key ring. It is immutable.
type keyring struct {
	version uint64 // of its entry
	doc     ringDoc
	ring    *seal.Ring
}

type ringDoc struct {
	IDs    []byte      `json:"ids"` // key of the hashes that entries rest under
	Active uint32      `json:"active"`
	Keys   []ringDatum `json:"keys"` // oldest first
}

type ringDatum struct {
	ID    uint32 `json:"id"`
	Bytes []byte `json:"key"`
}

func wrapBox(secret []byte) *seal.Box { return seal.NewBox(seal.Derive(secret, wrapPurpose)) }

// newRingDoc returns a ring of fresh random keys.
func newRingDoc() ringDoc {
	ids := make([]byte, seal.KeySize)
	_, _ = rand.Read(ids)
	first := seal.NewKey(1)
	return ringDoc{IDs: ids, Active: 1, Keys: []ringDatum{{ID: 1, Bytes: first.Bytes[:]}}}
}

// rotated returns doc with one more key, which seals from now on. Of the older
// keys only the one that sealed until now stays: everything else was sealed
// anew when that one came.
func (d ringDoc) rotated() ringDoc {
	next := seal.NewKey(d.Active + 1)
	i := slices.IndexFunc(d.Keys, func(k ringDatum) bool { return k.ID == d.Active })
	return ringDoc{
		IDs: d.IDs, Active: next.ID,
		Keys: []ringDatum{d.Keys[i], {ID: next.ID, Bytes: next.Bytes[:]}},
	}
}

func (d ringDoc) open(version uint64) (*keyring, error) {
	keys := make([]seal.Key, len(d.Keys))
	for i, k := range d.Keys {
		if len(k.Bytes) != seal.KeySize {
			return nil, fmt.Errorf("%w: key ring: key %d has %d bytes", ErrTampered, k.ID, len(k.Bytes))
		}
		keys[i] = seal.Key{ID: k.ID, Bytes: [seal.KeySize]byte(k.Bytes)}
	}
	if len(d.IDs) != seal.KeySize {
		return nil, fmt.Errorf("%w: key ring: the key of ids has %d bytes", ErrTampered, len(d.IDs))
	}
	ring, err := seal.NewRing(d.Active, keys...)
	if err != nil {
		return nil, fmt.Errorf("%w: key ring: %w", ErrTampered, err)
	}
	return &keyring{version: version, doc: d, ring: ring}, nil
}

// wrap seals doc as the given version of the ring's entry.
func (d ringDoc) wrap(box *seal.Box, version uint64) (Entry, error) {
	plain, err := json.Marshal(d)
	if err != nil {
		return Entry{}, fmt.Errorf("encode key ring: %w", err)
	}
	value := append([]byte{ringFormat}, box.Seal(plain, place(ringFormat, ringPlace, version))...)
	return Entry{Key: ringPlace, Version: version, Value: value}, nil
}

func unwrap(box *seal.Box, e Entry) (*keyring, error) {
	if len(e.Value) < 1 || e.Value[0] != ringFormat {
		return nil, fmt.Errorf("%w: key ring: unknown form", ErrTampered)
	}
	plain, err := box.Open(e.Value[1:], place(ringFormat, ringPlace, e.Version))
	if err != nil {
		return nil, ErrOtherKey
	}
	var doc ringDoc
	if err := strictJSON(plain, &doc); err != nil {
		return nil, fmt.Errorf("%w: key ring: %w", ErrTampered, err)
	}
	return doc.open(e.Version)
}

// loadRing returns the store's key ring, or makes one in an empty store.
// ErrOtherKey says that another secret wrapped it.
func loadRing(ctx context.Context, store Store, box *seal.Box) (*keyring, error) {
	for range 3 {
		e, _, err := store.Get(ctx, ringPlace)
		if err == nil {
			return unwrap(box, e)
		}
		if !errors.Is(err, ErrNoEntry) {
			return nil, fmt.Errorf("read key ring: %w", err)
		}
		// Entries without a ring are of no use to anybody; a new ring beside
		// them would hide that.
		rest, err := store.List(ctx, nil, nil, 1)
		if err != nil {
			return nil, fmt.Errorf("read key ring: %w", err)
		}
		if len(rest) > 0 && rest[0].Key != ringPlace {
			return nil, fmt.Errorf("%w: the store holds records but no key ring", ErrTampered)
		}
		made, err := storeRing(ctx, store, box, newRingDoc(), 0)
		if !errors.Is(err, ErrConflict) { // else another server was first: read what it made
			return made, err
		}
	}
	return nil, fmt.Errorf("read key ring: %w", ErrConflict)
}

// storeRing writes doc in place of version expected of the ring. The write is
// quiet: the feed is of records.
func storeRing(ctx context.Context, store Store, box *seal.Box, doc ringDoc, expected uint64) (*keyring, error) {
	opened, err := doc.open(expected + 1)
	if err != nil {
		return nil, err
	}
	e, err := doc.wrap(box, expected+1)
	if err != nil {
		return nil, err
	}
	errs, err := store.Write(ctx, []Put{{Entry: e, Expected: expected, Quiet: true}})
	if err == nil {
		err = errs[0]
	}
	if err != nil {
		return nil, fmt.Errorf("write key ring: %w", err)
	}
	return opened, nil
}
