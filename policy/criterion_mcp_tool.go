package policy

import "gopkg.in/yaml.v3"

// criterionMCPTool is about the tool that a call of the Model Context Protocol
// names. Nothing here reads the bodies of such calls yet.
var criterionMCPTool = &kind{
	name:   "mcp_tool",
	notYet: true,
	parse: func(p *parser, path string, n *yaml.Node) operand {
		return parseStringMatcher(p, path, n, nil)
	},
}
