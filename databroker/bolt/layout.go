package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cardea-proxy/cardea/databroker"
)

// The file has four buckets. Numbers are big-endian, so that bbolt's order of
// bytes is theirs.
var (
	bucketMeta    = []byte("meta")    // format, epoch, position
	bucketEntries = []byte("entries") // key -> entry
	bucketLog     = []byte("log")     // position -> key; the last logSize positions
	bucketExpiry  = []byte("expiry")  // milliseconds, key -> nothing

	metaFormat   = []byte("format")
	metaEpoch    = []byte("epoch")
	metaPosition = []byte("position")
)

// format is raised when a store of an older program can no longer be read as
// it is.
const format = 1

// prepare makes the buckets of a new file and returns the store's epoch.
func prepare(db *bolt.DB) (epoch uint64, err error) {
	var known bool
	err = db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if known = meta != nil; !known {
			return nil
		}
		if got := number(meta.Get(metaFormat)); got != format {
			return fmt.Errorf("the file has format %d, this program knows %d", got, format)
		}
		epoch = number(meta.Get(metaEpoch))
		return nil
	})
	if known || err != nil {
		return epoch, err
	}
	epoch = databroker.NewEpoch()
	return epoch, db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketEntries, bucketLog, bucketExpiry} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		return errors.Join(
			meta.Put(metaFormat, numberBytes(format)),
			meta.Put(metaEpoch, numberBytes(epoch)),
			meta.Put(metaPosition, numberBytes(0)))
	})
}

func numberBytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number returns 0 for what is no number.
func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// headSize is the size in bytes of version, position and expiry in front of
// an entry's value.
const headSize = 3 * 8

func encode(e *databroker.Entry) []byte {
	b := make([]byte, 0, headSize+len(e.Value))
	b = binary.BigEndian.AppendUint64(b, e.Version)
	b = binary.BigEndian.AppendUint64(b, e.Position)
	b = binary.BigEndian.AppendUint64(b, uint64(milliseconds(e.ExpiresAt)))
	return append(b, e.Value...)
}

// decode copies: what bbolt hands out is gone when the transaction ends.
func decode(key, b []byte) (databroker.Entry, error) {
	if len(key) != databroker.KeySize || len(b) < headSize {
		return databroker.Entry{}, fmt.Errorf("%w: an entry has %d and %d bytes", errDamaged, len(key), len(b))
	}
	e := databroker.Entry{
		Key:      databroker.Key(key),
		Version:  binary.BigEndian.Uint64(b),
		Position: binary.BigEndian.Uint64(b[8:]),
		Value:    append(make([]byte, 0, len(b)-headSize), b[headSize:]...),
	}
	if ms := int64(binary.BigEndian.Uint64(b[16:])); ms != 0 {
		e.ExpiresAt = time.UnixMilli(ms).UTC()
	}
	return e, nil
}

// milliseconds returns 0 for no time.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// expiryKey returns nil for an entry that stays.
func expiryKey(key *databroker.Key, expires time.Time) []byte {
	ms := milliseconds(expires)
	if ms <= 0 {
		return nil
	}
	return append(numberBytes(uint64(ms)), key[:]...)
}
