package policy

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A certificateMatcher tests a client certificate. All its tests must hold.
type certificateMatcher []certificateTest

// A certificateTest has either hashes, one of which must be the certificate's,
// or names, a test that one of the certificate's names of that kind passes.
type certificateTest struct {
	field  string
	hashes []string
	names  stringMatcher
}

func parseCertificateMatcher(p *parser, path string, n *yaml.Node) operand {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.want(path, n, "an object of "+strings.Join(certificateFields, ", "))
		return nil
	}
	var m certificateMatcher
	for _, e := range p.entries(path, n) {
		name := strings.ToLower(e.name)
		at := path + "." + name
		t := certificateTest{field: name}
		switch name {
		case "fingerprint":
			t.hashes = p.hashes(at, e.value, fingerprintText, wantFingerprint)
		case "spki_hash":
			t.hashes = p.hashes(at, e.value, spkiText, wantSPKI)
		case "san_email", "san_dns", "san_uri":
			t.names, _ = parseStringMatcher(p, at, e.value, nil).(stringMatcher)
		default:
			p.unknown(path, e.key, "operator", e.name, certificateFields)
			continue
		}
		m = append(m, t)
	}
	return m
}

const (
	wantFingerprint = "a SHA-256 fingerprint: 64 hexadecimal digits, or 32 pairs with colons"
	wantSPKI        = "the SHA-256 of a public key: 32 bytes in base64"
)

// hashes reads one hash or a list of them, each brought to its one form by
// canonical, which returns "" for what is none.
func (p *parser) hashes(path string, n *yaml.Node, canonical func(string) string, want string) []string {
	items, list := []*yaml.Node{n}, n.Kind == yaml.SequenceNode
	if list {
		items = n.Content
	}
	if len(items) == 0 {
		p.want(path, n, want+", or a list of them")
	}
	var out []string
	for i, item := range items {
		at := path
		if list {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		if item = p.resolve(at, item); item == nil {
			return out
		}
		text := ""
		// The tag does not matter: 64 digits without a letter are a number
		// to YAML.
		if item.Kind == yaml.ScalarNode {
			text = canonical(item.Value)
		}
		if text == "" {
			p.want(at, item, want)
			continue
		}
		out = append(out, text)
	}
	return out
}

// spkiText returns the hash with its padding, or "".
func spkiText(s string) string {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(raw) != 32 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func (m certificateMatcher) node() *yaml.Node {
	n := mappingNode()
	for _, t := range m {
		value := listNode(slices.Clone(t.hashes))
		if t.names != nil {
			value = t.names.node()
		}
		n.Content = append(n.Content, nameNode(t.field), value)
	}
	return n
}
