package seal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrUnknownKey is returned by Ring.Open for a text sealed under a key that
// the ring does not hold: one that another program added meanwhile, or none.
var ErrUnknownKey = errors.New("seal: the sealed text names a key that is not in the ring")

// A Key is a key with the number that sealed texts name it by.
type Key struct {
	ID    uint32
	Bytes [KeySize]byte
}

// NewKey returns a random key called id.
func NewKey(id uint32) Key {
	k := Key{ID: id}
	_, _ = rand.Read(k.Bytes[:])
	return k
}

// String keeps a key out of logs.
func (k Key) String() string { return fmt.Sprintf("key %d [redacted]", k.ID) }

// GoString keeps a key out of logs.
func (k Key) GoString() string { return k.String() }

// A Ring opens what any of its keys sealed and seals with one of them. It is
// immutable, so that it can be swapped while others use it.
type Ring struct {
	active uint32
	boxes  map[uint32]*Box
}

// NewRing returns a ring that seals with the key called active. It is an
// error if active is not among keys or an id occurs twice.
func NewRing(active uint32, keys ...Key) (*Ring, error) {
	r := &Ring{active: active, boxes: make(map[uint32]*Box, len(keys))}
	for _, k := range keys {
		if _, ok := r.boxes[k.ID]; ok {
			return nil, fmt.Errorf("seal: key %d occurs twice in the ring", k.ID)
		}
		r.boxes[k.ID] = NewBox(k.Bytes)
	}
	if _, ok := r.boxes[active]; !ok {
		return nil, fmt.Errorf("seal: the active key %d is not in the ring", active)
	}
	return r, nil
}

// Active returns the id of the key that seals.
func (r *Ring) Active() uint32 { return r.active }

// keyIDSize is the size in bytes of the key id in front of a sealed text.
const keyIDSize = 4

// Seal returns key id || nonce || ciphertext || tag. The key id is bound by
// the key itself: under another id the text meets another key.
func (r *Ring) Seal(plain, additional []byte) []byte {
	dst := make([]byte, keyIDSize, keyIDSize+len(plain)+Overhead)
	binary.BigEndian.PutUint32(dst, r.active)
	return sealTo(r.boxes[r.active].aead, dst, plain, additional)
}

// Open returns the plain text of what some key of the ring sealed. The errors
// are ErrUnknownKey and ErrOpen.
func (r *Ring) Open(sealed, additional []byte) ([]byte, error) {
	id, err := KeyID(sealed)
	if err != nil {
		return nil, err
	}
	box, ok := r.boxes[id]
	if !ok {
		return nil, ErrUnknownKey
	}
	return box.Open(sealed[keyIDSize:], additional)
}

// KeyID returns the id of the key that a text of Ring.Seal names, or ErrOpen
// for a text too short to hold one.
func KeyID(sealed []byte) (uint32, error) {
	if len(sealed) < keyIDSize {
		return 0, ErrOpen
	}
	return binary.BigEndian.Uint32(sealed), nil
}
