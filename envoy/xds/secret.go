package xds

import (
	"crypto/sha256"
	"encoding/hex"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/cardea-proxy/cardea/config"
)

// Secrets travel apart from what refers to them: Envoy takes a renewed
// certificate without touching the listener or cluster, and never prints keys.

// certificateSecret adds a certificate with its key under a name.
func (b *builder) certificateSecret(name string, c *config.Certificate) {
	b.secrets[name] = &tlsv3.Secret{
		Name: name,
		Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: inline(c.CertPEM),
			PrivateKey:       inline([]byte(c.KeyPEM.Reveal())),
		}},
	}
}

// trustSecret adds what upstream certificates are verified against and returns
// its name, which follows from the content: routes with equal trust share it.
func (b *builder) trustSecret(ca *corev3.DataSource, id string) string {
	name := "trust-" + id
	b.secrets[name] = &tlsv3.Secret{
		Name: name,
		Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: ca,
		}},
	}
	return name
}

// secretConfig refers to a secret.
func secretConfig(name string) *tlsv3.SdsSecretConfig {
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: ads()}
}

// inline is data that travels within the message.
func inline(data []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: data}}
}

// digest names content: 16 hexadecimal characters.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}
