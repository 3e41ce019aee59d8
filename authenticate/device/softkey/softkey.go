// Package softkey is an authenticator and its browser in software, for tests.
//
// It takes the JSON that a page gives to navigator.credentials and returns the
// JSON that the page posts. It is written from the specifications alone (Web
// Authentication Level 3; TPM 2.0 Library, part 2; Android's key attestation)
// and shares nothing with the code that checks answers, so that both cannot be
// wrong in the same way. What a test wants to be false it says in Lies.
//
//	softkey.go    Key, Options, New, Create, Get
//	lies.go       what can be false
//	authdata.go   what the authenticator says and signs
//	authority.go  certificates that vouch for it
//	statement.go  attestation: packed, apple, android-key, fido-u2f
//	tpm.go        attestation by a TPM
package softkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// The formats of attestation that a Key can make.
const (
	None       = "none"
	PackedSelf = "packed-self" // packed, by the credential's own key
	Packed     = "packed"
	TPM        = "tpm"
	Apple      = "apple"
	Android    = "android-key"
	U2F        = "fido-u2f"
)

// The algorithms of keys (IANA, COSE algorithms).
const (
	ES256 = -7
	EdDSA = -8
	RS256 = -257
)

// Options say what a Key is like. The zero value is a roaming authenticator
// without attestation, that its user touches and verifies.
type Options struct {
	Format    string     // "" means None
	Algorithm int        // 0 means ES256
	AAGUID    [16]byte   // model
	Authority *Authority // vouches for it; nil means one of its own

	Absent         bool // nobody touches it
	Unverified     bool // it asks for no PIN, finger or face
	BackupEligible bool
	BackedUp       bool
	Discoverable   bool // returns the user handle
	Extensions     bool // says something of its own in extensions

	Attachment string   // as the browser tells, "" for not at all
	Transports []string // as the browser tells
}

// A Key is an authenticator with the browser around it. A Key is not for several
// goroutines at once.
type Key struct {
	// Options may be changed between ceremonies, as devices change.
	Options
	// Lies are told until they are taken back.
	Lies Lies
	// Count is the signature counter as last told; it goes up with every use.
	// CountNothing keeps it where it is.
	Count        uint32
	CountNothing bool

	credentials []*credential
}

// A credential is a key pair for one RP ID.
type credential struct {
	id         []byte
	rpID       string
	userHandle []byte
	signer     crypto.Signer
	algorithm  int
}

// New returns a Key without credentials.
func New(o Options) *Key { return &Key{Options: o} }

// creation and request are what this browser understands of the options.
type creation struct {
	RP        struct{ ID string }
	User      struct{ ID string }
	Challenge string
	Params    []struct{ Alg int }   `json:"pubKeyCredParams"`
	Exclude   []struct{ ID string } `json:"excludeCredentials"`
}

type request struct {
	RPID      string `json:"rpId"`
	Challenge string
	Allow     []struct{ ID string } `json:"allowCredentials"`
}

// Create makes a credential as navigator.credentials.create on a page of origin
// would.
func (k *Key) Create(origin string, optionsJSON []byte) ([]byte, error) {
	var o creation
	if err := json.Unmarshal(optionsJSON, &o); err != nil {
		return nil, err
	}
	for _, excluded := range o.Exclude {
		if slices.ContainsFunc(k.credentials, func(c *credential) bool { return encode(c.id) == excluded.ID }) {
			return nil, errors.New("softkey: InvalidStateError: it holds a credential already")
		}
	}
	algorithm := k.Algorithm
	if algorithm == 0 {
		algorithm = ES256
	}
	if !slices.ContainsFunc(o.Params, func(p struct{ Alg int }) bool { return p.Alg == algorithm }) && !k.Lies.AnyAlgorithm {
		return nil, fmt.Errorf("softkey: NotSupportedError: algorithm %d is not asked for", algorithm)
	}
	handle, err := decode(o.User.ID)
	if err != nil {
		return nil, err
	}
	signer, err := k.newSigner(algorithm)
	if err != nil {
		return nil, err
	}
	c := &credential{id: make([]byte, 32), rpID: o.RP.ID, userHandle: handle, signer: signer, algorithm: algorithm}
	_, _ = rand.Read(c.id)
	k.credentials = append(k.credentials, c)
	return k.register(c, origin, o.Challenge)
}

func (k *Key) register(c *credential, origin, challenge string) ([]byte, error) {
	client, err := k.clientData("webauthn.create", origin, challenge)
	if err != nil {
		return nil, err
	}
	authData, err := k.authData(c, true)
	if err != nil {
		return nil, err
	}
	format, statement, err := k.statement(c, authData, client)
	if err != nil {
		return nil, err
	}
	if k.Lies.Statement != nil {
		k.Lies.Statement(statement)
	}
	if k.Lies.Format != "" {
		format = k.Lies.Format
	}
	object, err := canonical(map[string]any{"fmt": format, "attStmt": statement, "authData": authData})
	if err != nil {
		return nil, err
	}
	object = alter(k.Lies.Object, object)
	inner := map[string]any{"clientDataJSON": encode(client), "attestationObject": encode(object)}
	if k.Transports != nil {
		inner["transports"] = k.Transports
	}
	return k.answer(c, inner, map[string]any{"credProps": map[string]any{"rk": k.Discoverable}})
}

// Get uses a credential as navigator.credentials.get on a page of origin would.
func (k *Key) Get(origin string, optionsJSON []byte) ([]byte, error) {
	var o request
	if err := json.Unmarshal(optionsJSON, &o); err != nil {
		return nil, err
	}
	c := k.find(o)
	if c == nil {
		return nil, errors.New("softkey: NotAllowedError: it holds no such credential")
	}
	client, err := k.clientData("webauthn.get", origin, o.Challenge)
	if err != nil {
		return nil, err
	}
	authData, err := k.authData(c, false)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(client)
	signature, err := sign(c.signer, crypto.SHA256, append(bytes.Clone(authData), hash[:]...))
	if err != nil {
		return nil, err
	}
	inner := map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(authData),
		"signature": encode(alter(k.Lies.Signature, signature)), "userHandle": nil,
	}
	if k.Discoverable {
		inner["userHandle"] = encode(c.userHandle)
	}
	return k.answer(c, inner, map[string]any{})
}

// find returns the newest credential that is asked for.
func (k *Key) find(o request) *credential {
	for _, c := range slices.Backward(k.credentials) {
		asked := slices.ContainsFunc(o.Allow, func(a struct{ ID string }) bool { return a.ID == encode(c.id) })
		if c.rpID == o.RPID && (asked || len(o.Allow) == 0 && k.Discoverable) || k.Lies.AnyCredential {
			return c
		}
	}
	return nil
}

// answer wraps what the authenticator said as PublicKeyCredential.toJSON does.
func (k *Key) answer(c *credential, inner, extensions map[string]any) ([]byte, error) {
	outer := map[string]any{
		"id": encode(c.id), "rawId": encode(c.id), "type": "public-key",
		"response": inner, "clientExtensionResults": extensions,
	}
	if k.Attachment != "" {
		outer["authenticatorAttachment"] = k.Attachment
	}
	if k.Lies.Answer != nil {
		k.Lies.Answer(outer, inner)
	}
	raw, err := json.Marshal(outer)
	return alter(k.Lies.JSON, raw), err
}

// newSigner makes the key pair of a credential.
func (k *Key) newSigner(algorithm int) (crypto.Signer, error) {
	switch {
	case k.Lies.Signer != nil:
		return k.Lies.Signer, nil
	case algorithm == ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algorithm == EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return rsaKey()
}

// rsaKey is the key pair of every RSA credential: each takes long to make.
var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// sign signs data as algorithms of COSE do.
func sign(signer crypto.Signer, hash crypto.Hash, data []byte) ([]byte, error) {
	if _, ok := signer.(ed25519.PrivateKey); ok {
		return signer.Sign(rand.Reader, data, crypto.Hash(0))
	}
	h := hash.New()
	h.Write(data)
	return signer.Sign(rand.Reader, h.Sum(nil), hash)
}

func encode(b []byte) string          { return base64.RawURLEncoding.EncodeToString(b) }
func decode(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// canonical encodes as CTAP 2.1, section 8, wants it.
func canonical(value any) ([]byte, error) {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(value)
}
