package policy

import (
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// recordFunction is the built-in function that is ours.
var recordFunction = &ast.Builtin{
	Name: "get_databroker_record",
	Decl: types.NewFunction(
		types.Args(types.Named("type", types.S), types.Named("id", types.S)),
		types.Named("record", types.A)),
	Nondeterministic: true, // so that nothing is evaluated ahead
}

// openFunctions are the built-in functions of hand-written Rego that come to
// something small, or to a part of what they are given. Each takes time in
// proportion to what it is given.
var openFunctions = words(`
	eq assign equal neq gt gte lt lte internal.member_2 internal.member_3
	count max min
	is_number is_string is_boolean is_array is_set is_object is_null type_name
	startswith endswith contains strings.count strings.any_prefix_match strings.any_suffix_match indexof
	object.get object.subset json.is_valid
	base64.is_valid uri.is_valid semver.is_valid semver.compare
	net.cidr_contains net.cidr_intersects net.cidr_is_valid
	crypto.md5 crypto.sha1 crypto.sha256 crypto.hmac.md5 crypto.hmac.sha1 crypto.hmac.sha256
	crypto.hmac.sha512 crypto.hmac.equal
	io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512 io.jwt.verify_ps256 io.jwt.verify_ps384
	io.jwt.verify_ps512 io.jwt.verify_es256 io.jwt.verify_es384 io.jwt.verify_es512 io.jwt.verify_eddsa
	io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512
	time.now_ns time.parse_ns time.parse_rfc3339_ns time.parse_duration_ns time.date time.clock time.weekday
	time.add_date time.diff rand.intn
`)

// closedFunctions say why the others are not there. A name that ends in a dot
// or an underscore stands for all that begin with it.
var closedFunctions = []struct{ name, why string }{
	{"http.send", "reaches the network"},
	{"net.lookup_ip_addr", "reaches the network"},
	{"net.cidr_expand", "makes much out of little; net.cidr_contains tests one address"},
	{"net.", notSupported},
	{"opa.runtime", "shows the environment of the process"},
	{"trace", "is not supported; print writes to the log"},
	{"rego.parse_module", "is not supported"},
	{"rego.", notSupported},
	{"io.jwt.encode_", "signs, and policies hold no keys"},
	{"providers.", "signs, and policies hold no keys"},
	{"crypto.", "handles private keys or trusts by itself; is_valid_client_certificate is the check of client certificates"},
	{"graphql.", notSupported},
	{"json.patch", muchOfLittle},
	{"json.", notSupported},
	{"yaml.", notSupported},
	{"uuid.", notSupported},
	{"units.", notSupported},
	{"numbers.range_step", muchOfLittle},
	{"bits.lsh", muchOfLittle},
	{"strings.render_template", muchOfLittle},
	{"graph.reachable_paths", muchOfLittle},
	{"regex.globs_match", muchOfLittle},
	{"regex.template_match", notSupported},
	{"ssh_", notYet},
	{"get_google_cloud_serverless_headers", notYet},
}

const (
	notSupported = "is not supported"
	muchOfLittle = "makes much out of little, and evaluations are bounded"
)

func words(s string) []string { return strings.Fields(s) }

// writtenCapabilities are the built-in functions of hand-written Rego. Whatever
// is not named does not exist for it.
var writtenCapabilities = sync.OnceValue(func() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	caps := &ast.Capabilities{
		FutureKeywords: all.FutureKeywords,
		Features:       all.Features,
		AllowNet:       []string{}, // empty means no host; nil would mean all
	}
	for _, b := range all.Builtins {
		_, bounded := boundedFunctions[b.Name]
		if bounded || slices.Contains(openFunctions, b.Name) {
			caps.Builtins = append(caps.Builtins, b)
		}
	}
	// The compiler turns print into internal.print.
	caps.Builtins = append(caps.Builtins, ast.Print, ast.InternalPrint, recordFunction)
	return caps
})

// isOpen reports whether hand-written Rego may call the function.
func isOpen(name string) bool {
	if name == recordFunction.Name || name == ast.Print.Name {
		return true
	}
	_, bounded := boundedFunctions[name]
	return bounded || slices.Contains(openFunctions, name)
}

// whyClosed returns why a function is not there, or "" for a name that nobody
// knows.
func whyClosed(name string) string {
	for _, c := range closedFunctions {
		whole := !strings.HasSuffix(c.name, ".") && !strings.HasSuffix(c.name, "_")
		if name == c.name || !whole && strings.HasPrefix(name, c.name) {
			if whole || ast.BuiltinMap[name] != nil || c.why == notYet {
				return c.why
			}
		}
	}
	if ast.BuiltinMap[name] != nil {
		return notSupported
	}
	return ""
}

// checkCalls refuses calls of closed functions, and "with".
func (f *findings) checkCalls(m *ast.Module) {
	own := map[string]bool{}
	for _, rule := range m.Rules {
		own[rule.Head.Ref().String()] = true
	}
	check := func(operator *ast.Term) {
		ref, ok := operator.Value.(ast.Ref)
		if !ok || own[ref.String()] || isOpen(ref.String()) {
			return
		}
		name := ref.String()
		switch why := whyClosed(name); why {
		case "":
		case notYet:
			f.add(operator.Loc(), "the function %s is %s", name, why)
		default:
			f.add(operator.Loc(), "the function %s is closed: it %s", name, why)
		}
	}
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			if terms, ok := x.Terms.([]*ast.Term); ok {
				check(terms[0])
			}
		case ast.Call:
			check(x[0])
		case *ast.With:
			f.add(x.Loc(), "\"with\" is for tests and changes what others are asked, want a function with arguments")
		}
		return false
	})
	visitor.Walk(m)
}
