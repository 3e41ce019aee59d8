package policy

import "gopkg.in/yaml.v3"

// criterionSSHUsernameMatchesClaim is about whether the name that an SSH client
// logs in with is among the values of a claim. No route speaks SSH yet.
var criterionSSHUsernameMatchesClaim = &kind{
	name:    "ssh_username_matches_claim",
	notYet:  true,
	session: true,
	reads:   Reads{Session: true},
	parse: func(p *parser, path string, n *yaml.Node) operand {
		if !isString(n) {
			p.want(path, n, "the name of a claim")
		}
		return anything{}
	},
}
