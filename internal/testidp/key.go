package testidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// A key signs ID tokens.
type key struct {
	id      string
	private crypto.Signer
}

func (i *IDP) newKey() (key, error) {
	id := rand.Text()[:8]
	if i.algorithm() == jose.ES256 {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return key{id, private}, err
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	return key{id, private}, err
}

func (i *IDP) algorithm() jose.SignatureAlgorithm {
	if i.o.Algorithm == "ES256" {
		return jose.ES256
	}
	return jose.RS256
}

func (i *IDP) addKey() error {
	k, err := i.newKey()
	if err != nil {
		return fmt.Errorf("make a signing key: %w", err)
	}
	i.locked(func() { i.keys = append(i.keys, k) })
	return nil
}

// RotateKey makes a new key sign; the old ones are gone from the JWKS.
func (i *IDP) RotateKey() error {
	k, err := i.newKey()
	if err != nil {
		return err
	}
	i.locked(func() { i.keys = []key{k} })
	return nil
}

func (i *IDP) signingKey() key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[len(i.keys)-1]
}

func (i *IDP) jwks(w http.ResponseWriter, _ *http.Request) {
	switch {
	case i.lying(BrokenKeys):
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	case i.lying(GarbageKeys):
		_, _ = w.Write([]byte("<html>keys</html>"))
		return
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	i.locked(func() {
		for _, k := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Use: "sig", Algorithm: string(i.algorithm())})
		}
	})
	switch {
	case i.lying(EmptyKeys):
		set.Keys = []jose.JSONWebKey{}
	case i.lying(TwoKeys):
		if k, err := i.newKey(); err == nil {
			set.Keys = append([]jose.JSONWebKey{{Key: k.private.Public(), KeyID: k.id, Use: "sig", Algorithm: string(i.algorithm())}}, set.Keys...)
		}
	}
	answerJSON(w, http.StatusOK, set)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nothing to do about it
}

// selfSigned makes a certificate for 127.0.0.1 and localhost.
func selfSigned() (tls.Certificate, *x509.CertPool, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test provider"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, roots, nil
}
