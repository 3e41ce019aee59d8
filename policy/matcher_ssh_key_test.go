package policy

import (
	"slices"
	"testing"

	"gopkg.in/yaml.v3"
)

// sshKey is a public key whose private one nobody has: it was made of zeros.
const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestSSHKeysHaveOneForm(t *testing.T) {
	t.Parallel()
	for _, text := range []string{sshKey, sshKey + " ada@laptop", "[" + sshKey + " x]", `"\n` + sshKey + `  \n"`} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		p := &parser{}
		got, _ := parseSSHKeys(p, "x", p.resolve("x", &n)).(sshKeys)
		if !slices.Equal(got, sshKeys{sshKey}) {
			t.Errorf("%s is %q, %v", text, got, p.errs)
		}
	}
}
