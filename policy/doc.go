// Package policy turns what a configuration says about who may use a route
// into decisions.
//
// It owns the policy language (PPL): its grammar, its criteria, their meaning,
// the Rego they become, and the evaluation of that Rego. In come YAML nodes
// and shorthand keys from config, and the facts of one request from authorize;
// out goes a Decision. Whom a session belongs to, whether it still lives, and
// what a denial looks like on the wire are for others to say.
//
// In the order the data travels:
//
//	parse.go        YAML node -> Document, every error at once with its line
//	criteria.go     the same for a list of criteria alone
//	criterion.go    the table of criteria; criterion_<name>.go is one each
//	matcher_*.go    the operands that several criteria share
//	plan.go         Source -> the terms of allow and of deny
//	rego.go         terms -> Rego text; literal.go writes the texts in it
//	compile.go      Rego text -> Program
//	module.go       hand-written Rego -> Module; module_parse.go: its text
//	module_reads.go what it reads; module_input.go: what it is given
//	module_builtin.go, module_function.go, module_record.go: what it may call
//	module_bound.go, module_weigh.go: what keeps it small
//	module_turns.go how many evaluations of one Module there may be at a time
//	module_evaluate.go, module_result.go: Module + Facts -> allow and deny
//	clock.go        the time as Rego reads it; record.go: external records
//	person.go       who asks, as values that Rego reads, built once
//	facts.go        what is asked, as values that Rego reads
//	decide.go       Program + Facts -> Decision
//	memory.go       decisions already made
//	shadow.go       what would be decided with a policy that judges without effect
//	explain.go      why it is decided so: Program + Scenario -> Explanation
//	explain_rules.go, explain_value.go: every rule by itself, and what it comes to
//	explain_agree.go whether the rules by themselves come to the decision
//	explain_read.go what a rule looked at; explain_decided.go: which decided
//	explain_extra.go what hand-written Rego adds to a decision
//	explain_change.go what would allow; explain_options.go: which facts to change
//	explain_edit*.go the changes of each fact; explain_none.go: why there is none
//	explain_text.go Explanation -> a page of text, with nothing in it that acts
//	syntax.go       the line of what is no YAML
//	secret_header.go the headers whose values are for nobody to see
//	visible.go      text of strangers, with nothing in it that acts
//	explain_coverage.go which rules explanations have shown to be true and false
//	explain_failing.go the policies of which somebody denied is told
//	lint.go         Source -> what is probably not meant; lint_rule.go: its rules
//	lint_fact.go, lint_prove.go: what a rule takes, and that nothing can be so
//	lint_truth.go, lint_habit.go: what is said of it for certain, and with doubt
//	tidy.go         YAML -> the same YAML in one layout; tidy_layout.go,
//	                tidy_comment.go, tidy_rego.go: its parts
//	format.go       Document -> YAML, for people
//	schema.go       the language as JSON Schema, for editors; schema_form.go: its operands
//
// Three rules hold everywhere. A deny outranks every allow. What is undefined,
// late or broken is a denial. A program sees exactly the inputs that it says
// it reads, so a decision remembered under those inputs is the decision that
// would be made again.
package policy
