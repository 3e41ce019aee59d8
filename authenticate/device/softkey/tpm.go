package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for RS1
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"sync"
)

// RS1 is RSASSA-PKCS1-v1_5 with SHA-1, as TPMs of Windows sign.
const RS1 = -65535

// TPMLies are what a TPM, or who plays one, would send instead of the truth.
type TPMLies struct {
	Algorithm  int                 // of the statement; 0 means RS256
	Key        crypto.PublicKey    // in pubArea
	Attributes uint32              // of the key; 0 means those of a key that stays
	PubArea    func([]byte) []byte // before it is named
	Named      func([]byte) []byte // what is named in place of pubArea
	CertInfo   func([]byte) []byte // before it is signed
	Maker      string              // in the certificate; "" means Intel
}

// tpmIdentity is the key with which all TPMs here sign: RSA keys take long to
// make.
var tpmIdentity = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// tpm is section 8.3.
func (k *Key) tpm(c *credential, signed []byte) (map[string]any, error) {
	identity, err := tpmIdentity()
	if err != nil {
		return nil, err
	}
	lies := k.Lies.TPM
	public := c.signer.Public()
	if lies.Key != nil {
		public = lies.Key
	}
	area, err := pubArea(public, lies.Attributes)
	if err != nil {
		return nil, err
	}
	area = alter(lies.PubArea, area)
	algorithm, hash := RS256, crypto.SHA256
	if lies.Algorithm != 0 {
		algorithm = lies.Algorithm
	}
	if algorithm == RS1 {
		hash = crypto.SHA1
	}
	h := hash.New()
	h.Write(signed)
	info := alter(lies.CertInfo, certInfo(alter(lies.Named, area), h.Sum(nil)))
	signature, err := k.attest(identity, hash, info)
	if err != nil {
		return nil, err
	}
	x5c, err := k.vouch(identity.Public(), k.identityCertificate)
	return map[string]any{
		"ver": "2.0", "alg": algorithm, "sig": signature, "x5c": x5c, "certInfo": info, "pubArea": area,
	}, err
}

// identityCertificate is section 8.3.1: no subject, the makers' names critical.
func (k *Key) identityCertificate(c *x509.Certificate) {
	maker := k.Lies.TPM.Maker
	if maker == "" {
		maker = "id:494E5443"
	}
	var names pkix.RDNSequence
	for i, value := range []string{maker, "softkey", "id:00010002"} {
		oid := asn1.ObjectIdentifier{2, 23, 133, 2, i + 1}
		names = append(names, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}})
	}
	directory, _ := asn1.Marshal(names) // texts and numbers can always be written
	alternative, _ := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: directory}})
	c.Subject = pkix.Name{}
	c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 133, 8, 3}}
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: alternative}}
}

// Numbers of the TPM 2.0 Library, part 2, section 6.
const (
	algRSA, algSHA256, algNull, algECC = 0x0001, 0x000b, 0x0010, 0x0023

	keptAttributes = 0x00060472 // fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign, decrypt
)

// words are numbers of a TPM's structures, each as wide as its type.
func words(values ...any) (raw []byte) {
	for _, value := range values {
		switch value := value.(type) {
		case []byte: // TPM2B: its size before it
			raw = append(binary.BigEndian.AppendUint16(raw, uint16(len(value))), value...)
		case uint8:
			raw = append(raw, value)
		case int: // most are TPM_ALG_ID and the like
			raw = binary.BigEndian.AppendUint16(raw, uint16(value))
		case uint32:
			raw = binary.BigEndian.AppendUint32(raw, value)
		case uint64:
			raw = binary.BigEndian.AppendUint64(raw, value)
		}
	}
	return raw
}

// pubArea is TPMT_PUBLIC (section 12.2.4).
func pubArea(public crypto.PublicKey, attributes uint32) ([]byte, error) {
	if attributes == 0 {
		attributes = keptAttributes
	}
	var policy []byte
	switch public := public.(type) {
	case *rsa.PublicKey:
		exponent := uint32(public.E)
		if exponent == 65537 {
			exponent = 0 // the default is not written out
		}
		return words(algRSA, algSHA256, attributes, policy, algNull, algNull, public.N.BitLen(), exponent, public.N.Bytes()), nil
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			return nil, err
		}
		half := len(point) / 2
		curve := map[string]int{"P-256": 3, "P-384": 4}[public.Curve.Params().Name]
		return words(algECC, algSHA256, attributes, policy, algNull, algNull, curve, algNull, point[1:1+half], point[1+half:]), nil
	}
	return nil, fmt.Errorf("softkey: no TPM has a %T", public)
}

// certInfo is TPMS_ATTEST (section 10.12.12) over area.
func certInfo(area, extra []byte) []byte {
	digest := sha256.Sum256(area)
	name := append(words(algSHA256), digest[:]...)
	return words(uint32(0xff544347), 0x8017, name, extra,
		uint64(1), uint32(2), uint32(3), uint8(1), // clock, resets, restarts, safe
		uint64(4),  // firmware
		name, name) // name, qualified name
}
