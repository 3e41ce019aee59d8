package config

import (
	"encoding/base64"
	"strings"
)

// keySize is the length of every secret of ours, in bytes.
const keySize = 32

// checkSecrets reads the secrets and the keys made of them. A file beats the
// inline form, and the space around its text is not part of it: editors and
// `echo` end files with a line break.
func (l *loading) checkSecrets() {
	c := l.c
	l.fileText("shared_secret", &c.SharedSecret, "shared_secret_file", c.SharedSecretFile)
	l.fileText("cookie_secret", &c.CookieSecret, "cookie_secret_file", c.CookieSecretFile)
	l.fileText("idp_client_secret", &c.IDPClientSecret, "idp_client_secret_file", c.IDPClientSecretFile)
	l.fileText("signing_key", &c.SigningKey, "signing_key_file", c.SigningKeyFile)
	l.fileText("databroker_storage_connection_string", &c.DatabrokerStorageConnectionString,
		"databroker_storage_connection_string_file", c.DatabrokerStorageConnectionStringFile)

	c.SharedKey = l.key("shared_secret", c.SharedSecret)
	c.CookieKey = l.key("cookie_secret", c.CookieSecret)
	if c.SigningKey != "" {
		keys, err := parseSigningKeys(c.SigningKey.Reveal())
		if err != nil {
			l.refuse(l.source("signing_key"), "", wantSigningKey)
		}
		c.SigningKeys = keys
	}
}

// fileText replaces *value by the text of the file that key names, if any.
func (l *loading) fileText(inline string, value *Secret, key, path string) {
	if path == "" {
		return
	}
	if *value != "" {
		l.warn(inline, "not used, since "+key+" is given")
	}
	content, ok := l.named(key, path)
	if !ok {
		*value = ""
		return
	}
	*value = Secret(strings.TrimSpace(string(content)))
	if *value == "" {
		l.refuse(key, "empty file", "a file with the secret")
	}
}

// source returns the key a secret came from: its file form when that is given.
func (l *loading) source(key string) string {
	if l.has(key + "_file") {
		return key + "_file"
	}
	return key
}

// key decodes a secret of 32 bytes; nil when there is none.
func (l *loading) key(name string, s Secret) Key {
	if s == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s.Reveal()))
	if err != nil || len(b) != keySize {
		l.refuse(l.source(name), "", "base64 of 32 bytes, such as `head -c32 /dev/urandom | base64` prints")
		return nil
	}
	return b
}
