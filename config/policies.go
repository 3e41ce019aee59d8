package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cardea-proxy/cardea/policy"
	"gopkg.in/yaml.v3"
)

// A NamedPolicy is an entry of `policies`: a policy that routes use by its
// name, in exactly one of three forms.
type NamedPolicy struct {
	Name        string `yaml:"name"` // unique; letters, digits and - _ . /
	PPL         PPL    `yaml:"ppl"`
	Rego        Rego   `yaml:"rego"`
	File        string `yaml:"file"`        // .rego, or PPL as .yaml, .yml or .json
	Explanation string `yaml:"explanation"` // Markdown, as the one below
	Remediation string `yaml:"remediation"`
	Shadow      bool   `yaml:"shadow"`   // judges without effect
	Enforced    bool   `yaml:"enforced"` // is on every route
}

// A policyFile is a YAML file of policy_dir that says more than the policy.
type policyFile struct {
	PPL         PPL    `yaml:"ppl"`
	Explanation string `yaml:"explanation"`
	Remediation string `yaml:"remediation"`
	Shadow      bool   `yaml:"shadow"`
	Enforced    bool   `yaml:"enforced"`
}

// PPL is a policy in the policy language as it is written: an object, a list,
// or a text that holds one. It is parsed when its place is known.
type PPL struct{ node *yaml.Node }

// Rego is hand-written Rego as it is written: a text or a list of texts.
type Rego struct{ node *yaml.Node }

// A knownPolicy is one that routes may name.
type knownPolicy struct {
	*policy.Policy
	key  string // where it stands
	used bool   // by the name, or by being enforced
}

const (
	maxName   = 128     // bytes of a policy's name
	maxAdvice = 8 << 10 // bytes of an explanation or a remediation
)

// wantName is the wish of names of policies.
const wantName = "letters, digits and - _ . / (at most 128)"

// plainName is what a name of a policy looks like.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,128}$`)

// allowRule finds the head of a rule that may let somebody in.
var allowRule = regexp.MustCompile(`(?m)^[ \t]*allow\b`)

// readPolicies reads the policies with a name, those of `policies` first.
func (l *loading) readPolicies() {
	l.nameless = l.bad["policies"]
	for i := range l.c.NamedPolicies {
		if key := l.item("policies", i); !l.bad[key] {
			l.readNamed(&l.c.NamedPolicies[i], key)
		} else {
			l.nameless = true
		}
	}
	l.readPolicyDir()
}

// readNamed reads one entry of `policies`.
func (l *loading) readNamed(n *NamedPolicy, key string) {
	p := &policy.Policy{
		Name: n.Name, File: l.fileOf(key), Line: l.problem(key, "", "").Line,
		Explanation: n.Explanation, Remediation: n.Remediation, Shadow: n.Shadow, Enforced: n.Enforced,
	}
	l.checkAdvice(p, key)
	var forms []string
	for _, form := range []string{"ppl", "rego", "file"} {
		if l.has(key + "." + form) {
			forms = append(forms, form)
		}
	}
	switch {
	case len(forms) == 0:
		l.refuse(key, "says nothing", "one of ppl, rego and file")
	case len(forms) > 1:
		l.refuse(key+"."+forms[1], forms[0]+" is given too", "one of ppl, rego and file")
	case n.File != "":
		l.readNamedFile(p, n.File, key+".file")
	case forms[0] == "file":
		l.refuse(key+".file", "", wantPolicyFile)
	case n.Rego.node != nil && n.Rego.node.Kind == yaml.SequenceNode && len(n.Rego.node.Content) == 0:
		l.refuse(key+".rego", "", "text in Rego")
	default:
		l.addTexts(p, n.PPL, key+".ppl", n.Rego, key+".rego")
	}
	l.addPolicy(p, key, key+".name")
}

// wantPolicyFile is the wish of `file`.
const wantPolicyFile = "a file that ends in .rego, .yaml, .yml or .json"

// readNamedFile reads the policy that key names.
func (l *loading) readNamedFile(p *policy.Policy, path, key string) {
	kind := strings.ToLower(filepath.Ext(path))
	if !slices.Contains([]string{".rego", ".yaml", ".yml", ".json"}, kind) {
		l.refuse(key, "", wantPolicyFile)
		return
	}
	content, file, err := find(l, path, l.read)
	if err != nil {
		l.refuse(key, readProblem(err), "a readable file")
		return
	}
	p.File, p.Line = file, 1
	inside := key + ".content"
	o := l.enter(inside, file, content)
	if kind == ".rego" {
		l.readRegoFile(p, o, inside)
		return
	}
	if root := l.readTree(o, inside); root != nil {
		if doc := l.document(root, inside); doc != nil {
			p.Documents = append(p.Documents, doc)
		}
	}
}

// isPolicyFile reports whether a file of policy_dir is a policy by its name.
// Names that begin with a dot belong to tools, those that end in _test hold
// cases for policies.
func isPolicyFile(name string) bool {
	kind := strings.ToLower(filepath.Ext(name))
	base := name[:len(name)-len(kind)]
	return (kind == ".yaml" || kind == ".yml" || kind == ".rego") && !strings.HasPrefix(name, ".") && !strings.HasSuffix(base, "_test")
}

// readPolicyDir reads the files of policy_dir, one policy each.
func (l *loading) readPolicyDir() {
	const key = "policy_dir"
	l.nameless = l.nameless || l.bad[key]
	if l.c.PolicyDir == "" {
		return
	}
	names, dir, err := find(l, l.c.PolicyDir, l.readNames)
	if err != nil {
		l.nameless = true
		found := strings.Replace(readProblem(err), "no such file", "no such folder", 1)
		l.refuse(key, found, "a readable folder")
		return
	}
	for i, name := range names {
		l.readDirFile(filepath.Join(dir, name), l.item(key, i))
	}
}

// readDirFile reads one file of policy_dir.
func (l *loading) readDirFile(file, key string) {
	name := filepath.Base(file)
	kind := filepath.Ext(name)
	p := &policy.Policy{Name: strings.TrimSuffix(name, kind), File: file, Line: 1}
	content, err := l.read(file)
	o := l.enter(key, file, content)
	switch {
	case err != nil:
		l.refuse(key, readProblem(err), "a readable file")
	case strings.EqualFold(kind, ".rego"):
		l.readRegoFile(p, o, key)
	default:
		l.readYAMLFile(p, o, key)
	}
	l.addPolicy(p, key, key)
}

// readYAMLFile reads a policy that stands alone, or in an object that says more.
func (l *loading) readYAMLFile(p *policy.Policy, o *origin, key string) {
	root := l.readTree(o, key)
	if root == nil {
		return
	}
	if !isPolicyObject(root) {
		if doc := l.document(root, key); doc != nil {
			p.Documents = append(p.Documents, doc)
		}
		return
	}
	var f policyFile
	l.object(root, reflect.ValueOf(&f).Elem(), key, scope{})
	p.Explanation, p.Remediation, p.Shadow, p.Enforced = f.Explanation, f.Remediation, f.Shadow, f.Enforced
	l.checkAdvice(p, key)
	if f.PPL.node == nil {
		l.refuse(key+".ppl", "missing", "the policy")
		return
	}
	l.addTexts(p, f.PPL, key+".ppl", Rego{}, "")
}

// isPolicyObject reports whether n is an object around a policy. Without any
// key of such an object it is read as a policy, whose errors fit better.
func isPolicyObject(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	var around, bare bool
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch strings.ToLower(n.Content[i].Value) {
		case "ppl":
			return true
		case "explanation", "remediation", "shadow", "enforced":
			around = true
		case "allow", "deny":
			bare = true
		}
	}
	return around && !bare
}

// readRegoFile reads a file of Rego.
func (l *loading) readRegoFile(p *policy.Policy, o *origin, key string) {
	if len(bytes.TrimSpace(o.text)) == 0 {
		l.refuse(key, "empty file", "text in Rego")
		return
	}
	m := l.rego(o.file, string(o.text), spot{line: 1, exact: true}, key)
	if m == nil {
		return
	}
	p.Rego = append(p.Rego, m)
	// What the text says about itself counts where nothing else is said.
	said := m.Metadata()
	p.Explanation, p.Remediation = cmp.Or(p.Explanation, said.Explanation), cmp.Or(p.Remediation, said.Remediation)
	p.Shadow, p.Enforced = p.Shadow || said.Shadow, p.Enforced || said.Enforced
	l.checkAdvice(p, key)
}

// readTree reads a file of YAML or JSON. An empty one is refused: it is more
// often half written than meant, and may have denied something.
func (l *loading) readTree(o *origin, key string) *yaml.Node {
	root, err := parseDocument(o.file, o.text)
	var syntax *syntaxError
	switch {
	case errors.As(err, &syntax):
		l.refuseAt(syntax.line, key, syntax.text, "")
		return nil
	case root == nil:
		l.refuse(key, "empty file", "a policy")
		return nil
	}
	return l.tree(root, key, spot{line: 1, exact: true})
}

// addPolicy makes p known by its name, which stands under nameKey.
func (l *loading) addPolicy(p *policy.Policy, key, nameKey string) {
	if l.bad[nameKey] && p.Name == "" {
		l.nameless = true
		return
	}
	if !plainName.MatchString(p.Name) {
		l.nameless = true
		if nameKey == key {
			l.refuse(key, "the file's name is no name of a policy", wantName)
			return
		}
		l.refuse(nameKey, missing(p.Name), wantName)
		return
	}
	if first := l.known[p.Name]; first != nil {
		l.refuse(nameKey, "same name as "+l.policyPlace(first), "a name of its own")
		return
	}
	k := &knownPolicy{Policy: p, key: key, used: p.Enforced}
	l.known[p.Name] = k
	l.c.Policies = append(l.c.Policies, p)
	if p.Enforced {
		l.enforced = append(l.enforced, k)
	}
}

// missing says so of what is not there.
func missing(s string) string {
	if s == "" {
		return "missing"
	}
	return ""
}

// policyPlace names a policy for a person.
func (l *loading) policyPlace(k *knownPolicy) string {
	at := l.problem(k.key, "", "")
	if at.Key == "" { // a file of its own
		return at.File
	}
	if at.Line == 0 {
		return at.Key
	}
	return fmt.Sprintf("%s (line %d)", at.Key, at.Line)
}

// checkAdvice bounds what is said to those whom p keeps out.
func (l *loading) checkAdvice(p *policy.Policy, key string) {
	for name, s := range map[string]string{"explanation": p.Explanation, "remediation": p.Remediation} {
		if len(s) > maxAdvice || !utf8.ValidString(s) {
			l.refuse(key+"."+name, "", fmt.Sprintf("Markdown text of at most %d KiB", maxAdvice>>10))
		}
	}
}

// checkPolicies warns of named policies that do less, or more, than they seem to.
func (l *loading) checkPolicies() {
	for _, name := range all(l.known) {
		switch k := l.known[name]; {
		case !k.used:
			l.warn(k.key, "no route uses this policy")
		case k.Enforced && !k.Shadow && l.allows(k.Policy):
			l.warn(k.key, "enforced, and it allows: it lets people in on every route")
		}
	}
}
