package policy

import "gopkg.in/yaml.v3"

// criterionSSHUsername is about the name that an SSH client logs in with. No
// route speaks SSH yet.
var criterionSSHUsername = &kind{
	name:   "ssh_username",
	notYet: true,
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, nil)
	},
}
