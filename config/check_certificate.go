package config

import "fmt"

// checkCertificates reads the certificates of the listeners in the order in
// which they are tried, and the authorities of clients and upstreams.
func (l *loading) checkCertificates() {
	c := l.c
	if c.Certificate != nil || c.CertificateKey != "" {
		l.addCertificate("certificate", l.inlinePair("certificate", c.Certificate, "certificate_key", c.CertificateKey))
	}
	for i, p := range c.CertificatePairs {
		key := fmt.Sprintf("certificates[%d]", i)
		l.addCertificate(key, l.filePair(key+".cert", p.Cert, key+".key", p.Key))
	}
	if c.CertificateFile != "" || c.CertificateKeyFile != "" {
		l.addCertificate("certificate_file",
			l.filePair("certificate_file", c.CertificateFile, "certificate_key_file", c.CertificateKeyFile))
	}
	c.UpstreamCA = l.authority("certificate_authority", c.CertificateAuthority, "certificate_authority_file", c.CertificateAuthorityFile)
	c.AttestationCA = l.authority("device_attestation_ca", c.DeviceAttestationCA, "device_attestation_ca_file", c.DeviceAttestationCAFile)
}

func (l *loading) addCertificate(key string, cert *Certificate) {
	if cert == nil {
		return
	}
	l.checkExpiry(key, cert)
	l.c.Certificates = append(l.c.Certificates, cert)
}

// checkExpiry only warns: to refuse a reload because of an old certificate
// would take the other routes down with it.
func (l *loading) checkExpiry(key string, cert *Certificate) {
	switch {
	case l.now.After(cert.Leaf.NotAfter):
		l.warn(key, "certificate expired on "+cert.Leaf.NotAfter.UTC().Format("2006-01-02"))
	case l.now.Before(cert.Leaf.NotBefore):
		l.warn(key, "certificate is valid from "+cert.Leaf.NotBefore.UTC().Format("2006-01-02"))
	}
}

// inlinePair reads a certificate and key given in base64.
func (l *loading) inlinePair(certKey string, chain Base64, keyKey string, key Secret) *Certificate {
	if !l.bothHalves(certKey, len(chain) > 0, keyKey, key != "") {
		return nil
	}
	keyPEM, err := decodeBase64(key.Reveal())
	if err != nil {
		l.refuse(keyKey, "", wantBase64)
		return nil
	}
	return l.pair(certKey, chain, keyKey, keyPEM)
}

// filePair reads a certificate and key from files.
func (l *loading) filePair(certKey, certFile, keyKey, keyFile string) *Certificate {
	if !l.bothHalves(certKey, certFile != "", keyKey, keyFile != "") {
		return nil
	}
	chain, chainOK := l.named(certKey, certFile)
	key, keyOK := l.named(keyKey, keyFile)
	if !chainOK || !keyOK {
		return nil
	}
	return l.pair(certKey, chain, keyKey, key)
}

// bothHalves refuses a certificate without its key and the reverse. A half
// that was refused already is not missed again.
func (l *loading) bothHalves(certKey string, cert bool, keyKey string, key bool) bool {
	switch {
	case cert && !key && !l.bad[keyKey]:
		l.refuse(certKey, keyKey+" is missing", "both a certificate and its key")
	case key && !cert && !l.bad[certKey]:
		l.refuse(keyKey, certKey+" is missing", "both a certificate and its key")
	}
	return cert && key
}

func (l *loading) pair(certKey string, chain []byte, keyKey string, key []byte) *Certificate {
	if _, err := parseCertificates(chain); err != nil {
		l.refuse(certKey, "", wantCertificate)
		return nil
	}
	cert, err := parsePair(chain, key)
	if err != nil {
		l.refuse(keyKey, "", wantKeyPair)
		return nil
	}
	return cert
}

// authority reads a bundle of authorities, inline or from a file; inline wins.
func (l *loading) authority(inline string, given Base64, fileKey, path string) []byte {
	bundle, key := []byte(given), inline
	if given == nil {
		content, ok := l.named(fileKey, path)
		if !ok {
			return nil
		}
		bundle, key = content, fileKey
	} else if path != "" {
		l.warn(fileKey, "not used, since "+inline+" is given")
	}
	certs, err := parseCertificates(bundle)
	if err != nil {
		l.refuse(key, "", wantCertificate)
		return nil
	}
	for _, cert := range certs {
		if l.now.After(cert.NotAfter) {
			l.warn(key, "an authority expired on "+cert.NotAfter.UTC().Format("2006-01-02"))
		}
	}
	return bundle
}

// checkClientCertificates reads downstream_mtls.
func (l *loading) checkClientCertificates() {
	c, m := l.c, &l.c.DownstreamMTLS
	if m.CA != nil && m.CAFile != "" {
		l.refuse("downstream_mtls.ca_file", "ca is given too", "one of them")
	}
	if m.CRL != nil && m.CRLFile != "" {
		l.refuse("downstream_mtls.crl_file", "crl is given too", "one of them")
	}
	c.ClientCA = l.authority("downstream_mtls.ca", m.CA, "downstream_mtls.ca_file", m.CAFile)
	c.ClientCRL = l.revocations(m)

	asked := len(c.ClientCA) > 0 || l.bad["downstream_mtls.ca"] || l.bad["downstream_mtls.ca_file"]
	for _, r := range c.Routes {
		asked = asked || r.TLSDownstreamClientCA != nil || r.TLSDownstreamClientCAFile != ""
	}
	if !asked { // every other key would be a protection that is not there
		for _, key := range []string{"crl", "crl_file", "enforcement", "match_subject_alt_names"} {
			if l.has("downstream_mtls." + key) {
				l.refuse("downstream_mtls."+key, "no client authority is given", "ca or ca_file beside it")
			}
		}
	}
}

// revocations reads the list of revoked client certificates.
func (l *loading) revocations(m *DownstreamMTLS) []byte {
	bundle, key := []byte(m.CRL), "downstream_mtls.crl"
	if m.CRL == nil {
		content, ok := l.named("downstream_mtls.crl_file", m.CRLFile)
		if !ok {
			return nil
		}
		bundle, key = content, "downstream_mtls.crl_file"
	}
	if err := checkCRL(bundle); err != nil {
		l.refuse(key, "", "revocation lists as PEM")
		return nil
	}
	return bundle
}
