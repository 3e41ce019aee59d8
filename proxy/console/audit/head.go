package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Head says which entry is the last one, under a signature. The zero Head is
// that of an empty audit.
type Head struct {
	Sequence  uint64    `json:"sequence"`
	Hash      Hash      `json:"hash"`
	Time      time.Time `json:"time"` // of signing; UTC, to the millisecond
	Signature []byte    `json:"signature"`

	version uint64 // of its record; 0: there is none
}

// headContext is the first field of what is signed, so that no signature is good
// for anything else.
const headContext = "cardea audit head 1"

func (h *Head) signed() fields {
	return fields{}.text(headContext).number(h.Sequence).text(string(h.Hash[:])).number(uint64(h.Time.UnixMilli()))
}

func (h *Head) sign(key ed25519.PrivateKey) { h.Signature = ed25519.Sign(key, h.signed()) }

// SignedBy reports whether the signature is that of the key (Ed25519, RFC 8032).
func (h *Head) SignedBy(key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && len(h.Signature) == ed25519.SignatureSize &&
		ed25519.Verify(key, h.signed(), h.Signature)
}

// String is the head as --head of the command takes it.
func (h *Head) String() string { return fmt.Sprintf("%d %s", h.Sequence, h.Hash) }

// ParseHead reads a number and a hash. Such a head has no signature: whoever
// kept it vouches for it.
func ParseHead(text string) (Head, error) {
	number, hash, _ := strings.Cut(strings.TrimSpace(text), " ")
	var h Head
	var err error
	h.Sequence, err = strconv.ParseUint(number, 10, 64)
	if err == nil {
		err = h.Hash.UnmarshalText([]byte(strings.TrimSpace(hash)))
	}
	if err != nil || h.Sequence == 0 {
		return Head{}, fmt.Errorf("%q is no head: want a number and a hash of 64 hexadecimal digits", text)
	}
	return h, nil
}

// record is the data of the record that holds h.
func (h *Head) record() []byte { return h.signed().text(string(h.Signature)) }

// headFrom reads what record wrote.
func headFrom(data []byte) (Head, error) {
	r := reader{rest: data}
	context := string(r.field())
	h := Head{Sequence: r.number(), Hash: r.hash(), Time: time.UnixMilli(int64(r.number())).UTC()}
	h.Signature = append([]byte(nil), r.exactly(ed25519.SignatureSize)...)
	switch {
	case r.err != nil:
		return Head{}, r.err
	case context != headContext || len(r.rest) > 0 || h.Sequence == 0:
		return Head{}, errors.New("it is no head of this version")
	}
	return h, checkTime(h.Time)
}

// KeyText is a public key as commands print and take it.
func KeyText(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// ParseKey reads what KeyText wrote.
func ParseKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, errors.New("want the 32 bytes of a public key in base64, as cardea audit key prints them")
	}
	return raw, nil
}
