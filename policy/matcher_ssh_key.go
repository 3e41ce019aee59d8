package policy

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
	"gopkg.in/yaml.v3"
)

// sshKeys are public keys, each a line of an authorized_keys file (sshd(8))
// without options and comment.
type sshKeys []string

func (ks sshKeys) node() *yaml.Node { return listNode(ks) }

const wantSSHKey = "a public key as in authorized_keys, such as ssh-ed25519 AAAA..."

// parseSSHKeys reads a text of such lines, or a list of such texts.
func parseSSHKeys(p *parser, path string, n *yaml.Node) operand {
	var keys sshKeys
	if n.Kind != yaml.SequenceNode {
		p.sshKeys(&keys, path, n)
		return keys
	}
	if len(n.Content) == 0 {
		p.want(path, n, wantSSHKey+", or a list of them")
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item = p.resolve(at, item); item == nil {
			return keys
		}
		p.sshKeys(&keys, at, item)
	}
	return keys
}

func (p *parser) sshKeys(keys *sshKeys, path string, n *yaml.Node) {
	if !isString(n) {
		p.want(path, n, wantSSHKey)
		return
	}
	found := false
	for line := range strings.Lines(n.Value) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		found = true
		key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
		switch {
		case err != nil:
			p.want(path, n, wantSSHKey)
		case len(options) > 0:
			// They would not be heeded.
			p.want(path, n, "a public key without options before it")
		default:
			*keys = append(*keys, string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key))))
		}
	}
	if !found {
		p.want(path, n, wantSSHKey)
	}
}
