package config

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// ProviderID names the identity provider whose sessions r takes: a hash of the
// provider, its address and the client, because equal subjects of two clients
// need not be one person. A nil r means the provider of the whole
// configuration. The secret is no part of it, so that rotating the secret signs
// nobody out. The result is 22 characters of base64url and holds no slash.
func ProviderID(c *Config, r *Route) string {
	client := c.IDPClientID
	if r != nil && r.IDPClientID != "" {
		client = r.IDPClientID
	}
	var text []byte
	for _, part := range []string{"cardea/v1/provider", c.IDPProvider, c.IDPProviderURL.String(), client} {
		// With its length in front, no part can run into the next.
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
