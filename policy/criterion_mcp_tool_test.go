package policy

import "testing"

func TestMCPToolIsRefused(t *testing.T) {
	t.Parallel()
	const at = "1:15: policy.allow.or[0].mcp_tool: not supported yet"
	const want = "want a string that is not empty, or an object of is, not, contains, starts_with, ends_with, in, not_in"
	runBad(t, []badCase{
		{"a text", "allow: {or: [{mcp_tool: x}]}", at},
		{"a matcher", "allow: {or: [{mcp_tool: {starts_with: read_}}]}", at},
		{"in capitals", "allow: {or: [{MCP_TOOL: x}]}", "1:15: policy.allow.or[0].MCP_TOOL: not supported yet"},
		{"what it is given is checked", "allow: {or: [{mcp_tool: []}]}", "1:25: policy.allow.or[0].mcp_tool: " + want + "\n" + at},
		{"null is checked", "allow: {or: [{mcp_tool: ~}]}", "1:25: policy.allow.or[0].mcp_tool: " + want + "\n" + at},
		{"nothing after a slash", "allow: {or: [{mcp_tool/x: x}]}", "1:15: policy.allow.or[0].mcp_tool/x: mcp_tool takes nothing after a slash, want mcp_tool"},
	})
}
