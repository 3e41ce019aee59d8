package databroker

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
	"github.com/cardea-proxy/cardea/internal/seal"
)

// A vault stands between the server and its store: records in plain on one
// side, sealed entries under keyed hashes on the other.
type vault struct {
	store Store
	wrap  *seal.Box
	keys  atomic.Pointer[keyring]
	turn  sync.Mutex // one reload or rotation at a time
}

func openVault(ctx context.Context, store Store, secret []byte) (*vault, error) {
	v := &vault{store: store, wrap: wrapBox(secret)}
	ring, err := loadRing(ctx, store, v.wrap)
	if err != nil {
		return nil, err
	}
	v.keys.Store(ring)
	return v, nil
}

// kind returns the keyed hash of a type.
func (v *vault) kind(typ string) []byte { return kindHash(v.keys.Load().doc.IDs, typ) }

// key returns where the record typ/id rests. The leading byte and the length
// keep types and ids apart: no pair of them hashes the same text as another.
func (v *vault) key(typ, id string) (k Key) {
	ids := v.keys.Load().doc.IDs
	copy(k[:], kindHash(ids, typ))
	h := hmac.New(sha256.New, ids)
	h.Write([]byte{2, byte(len(typ))})
	h.Write([]byte(typ))
	h.Write([]byte(id))
	h.Sum(k[:KindSize])
	return k
}

func kindHash(ids []byte, typ string) []byte {
	h := hmac.New(sha256.New, ids)
	h.Write([]byte{1})
	h.Write([]byte(typ))
	return h.Sum(nil)[:KindSize]
}

// recordFormat is the first byte of a sealed record.
const recordFormat = 1

// place is the additional data of a sealed entry: its form, where it rests
// and which version it is. Type and id are bound through the keyed hashes that
// the place consists of, and stand in plain under the seal. All parts have one
// size, so no two places have the same bytes.
func place(format byte, key Key, version uint64) []byte {
	b := make([]byte, 0, 1+KeySize+8)
	b = append(b, format)
	b = append(b, key[:]...)
	return binary.BigEndian.AppendUint64(b, version)
}

// seal closes r into an entry.
func (v *vault) seal(key Key, r *Record) (Entry, error) {
	plain, err := proto.Marshal(r.proto())
	if err != nil {
		return Entry{}, fmt.Errorf("%w: encode record: %w", ErrInvalid, err)
	}
	sealed := v.keys.Load().ring.Seal(plain, place(recordFormat, key, r.Version))
	value := make([]byte, 0, 1+len(sealed))
	value = append(append(value, recordFormat), sealed...)
	return Entry{Key: key, Version: r.Version, Value: value, ExpiresAt: r.ExpiresAt}, nil
}

// open returns the record in an entry, or ErrTampered. A key that the ring
// lacks may have been added by another server: then the ring is read again.
func (v *vault) open(ctx context.Context, e Entry) (*Record, error) {
	if len(e.Value) < 1 || e.Value[0] != recordFormat {
		return nil, fmt.Errorf("%w: unknown form", ErrTampered)
	}
	additional := place(recordFormat, e.Key, e.Version)
	ring := v.keys.Load()
	plain, err := ring.ring.Open(e.Value[1:], additional)
	if errors.Is(err, seal.ErrUnknownKey) {
		if ring, err = v.reload(ctx, ring); err == nil {
			plain, err = ring.ring.Open(e.Value[1:], additional)
		}
	}
	if err != nil {
		if errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	p := new(brokerpb.Record)
	if err := proto.Unmarshal(plain, p); err != nil {
		return nil, fmt.Errorf("%w: decode record: %w", ErrTampered, err)
	}
	r := recordFrom(p)
	// The seal binds place and version; what stands under it must say the same,
	// and so must the time that sweeps go by.
	if r.Version != e.Version || v.key(r.Type, r.ID) != e.Key || !r.ExpiresAt.Equal(e.ExpiresAt) {
		return nil, fmt.Errorf("%w: it is not what its place says", ErrTampered)
	}
	return r, nil
}

// reload reads the ring again unless somebody else has replaced old already.
func (v *vault) reload(ctx context.Context, old *keyring) (*keyring, error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	if now := v.keys.Load(); now != old {
		return now, nil
	}
	e, _, err := v.store.Get(ctx, ringPlace)
	if err != nil {
		return nil, fmt.Errorf("read key ring: %w", err)
	}
	if e.Version == old.version {
		return old, nil
	}
	ring, err := unwrap(v.wrap, e)
	if err != nil {
		return nil, err
	}
	v.keys.Store(ring)
	return ring, nil
}

// rotate adds a data key to the ring, which seals from now on, and seals
// everything in the store anew with it. It may be called while serving and
// again after it was interrupted.
func (v *vault) rotate(ctx context.Context) (resealed int, err error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	// The oldest key leaves the ring below: nothing may be under it any more,
	// as after a rotation that was interrupted.
	if resealed, err = v.resealAll(ctx); err != nil {
		return resealed, err
	}
	old := v.keys.Load()
	ring, err := storeRing(ctx, v.store, v.wrap, old.doc.rotated(), old.version)
	if err != nil {
		return resealed, err
	}
	v.keys.Store(ring)
	n, err := v.resealAll(ctx)
	return resealed + n, err
}

// resealAll seals with the active key what another key sealed. Versions and
// positions stay: nothing has changed for those who read.
func (v *vault) resealAll(ctx context.Context) (n int, err error) {
	ring := v.keys.Load().ring
	var after *Key
	for {
		entries, err := v.store.List(ctx, nil, after, resealBatch)
		if err != nil {
			return n, fmt.Errorf("seal anew: %w", err)
		}
		var puts []Put
		for _, e := range entries {
			if put := reseal(ring, e); put != nil {
				puts = append(puts, *put)
			}
		}
		if len(puts) > 0 {
			// A conflict is a write that came between, under the active key.
			if _, err := v.store.Write(ctx, puts); err != nil {
				return n, fmt.Errorf("seal anew: %w", err)
			}
			n += len(puts)
		}
		if len(entries) < resealBatch {
			return n, nil
		}
		after = &entries[len(entries)-1].Key
	}
}

const resealBatch = 256

// reseal returns nil for an entry that needs nothing. A damaged entry stays as
// it is: whoever reads it is told, and the others are not its hostages.
func reseal(ring *seal.Ring, e Entry) *Put {
	if e.Key == ringPlace || len(e.Value) < 1 {
		return nil
	}
	id, err := seal.KeyID(e.Value[1:])
	if err != nil || id == ring.Active() {
		return nil
	}
	additional := place(recordFormat, e.Key, e.Version)
	plain, err := ring.Open(e.Value[1:], additional)
	if err != nil {
		return nil
	}
	e.Value = append([]byte{recordFormat}, ring.Seal(plain, additional)...)
	return &Put{Entry: e, Expected: e.Version, Quiet: true}
}
