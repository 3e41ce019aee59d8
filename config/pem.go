package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The wishes for certificate material.
const (
	wantCertificate = "PEM certificates"
	wantKeyPair     = "a PEM key that belongs to the certificate"
	wantSigningKey  = "RSA (2048 bits or more) or EC P-256, P-384 or P-521 private keys as PEM"
)

// parseCertificates returns every certificate of a bundle; there must be one.
func parseCertificates(bundle []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse certificate %d: %w", len(list)+1, err)
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, errors.New("no certificate")
	}
	return list, nil
}

// parsePair reads a chain and the key of its first certificate.
func parsePair(chain, key []byte) (*Certificate, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	return &Certificate{CertPEM: chain, KeyPEM: Secret(key), TLS: pair, Leaf: pair.Leaf}, nil
}

// checkCRL reports whether bundle is one or more revocation lists.
func checkCRL(bundle []byte) error {
	found := 0
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseRevocationList(block.Bytes); err != nil {
			return fmt.Errorf("parse revocation list %d: %w", found+1, err)
		}
		found++
	}
	if found == 0 {
		return errors.New("no revocation list")
	}
	return nil
}

// parseSigningKeys reads every private key of a PEM text, itself or in base64.
func parseSigningKeys(given string) ([]crypto.Signer, error) {
	given = strings.TrimSpace(given)
	bundle := []byte(given)
	if !strings.HasPrefix(given, "-----BEGIN") {
		decoded, err := decodeBase64(given)
		if err != nil {
			return nil, errors.New("not base64")
		}
		bundle = decoded
	}
	var keys []crypto.Signer
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		key, err := parsePrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("no private key")
	}
	return keys, nil
}

// parsePrivateKey reads PKCS #8, SEC 1 or PKCS #1. Keys that sign no JWT we
// make, Ed25519 among them, are refused.
func parsePrivateKey(der []byte) (crypto.Signer, error) {
	var key any
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		key = k
	} else if k, err := x509.ParseECPrivateKey(der); err == nil {
		key = k
	} else if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		key = k
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if bits := k.Curve.Params().BitSize; bits >= 256 {
			return k, nil
		}
	case *rsa.PrivateKey:
		if k.N.BitLen() >= 2048 {
			return k, nil
		}
	}
	return nil, errors.New("not a key of these kinds")
}
