package policy

import "context"

// A shadow is a policy that judges beside the enforcing ones without effect: the
// program that would decide if it were switched on.
type shadow struct {
	policy  *Policy
	program *Program
}

// A Disagreement says that a shadow policy would have brought about another
// outcome.
type Disagreement struct {
	Policy string   // its name
	Would  Decision // what would have been decided with it in force
}

// shadowsOf compiles one program for each shadow policy of s.
func (c *Compiler) shadowsOf(ctx context.Context, s Source) ([]shadow, error) {
	var out []shadow
	for i, named := range s.Policies {
		if !named.Shadow {
			continue
		}
		with := s
		with.Policies = make([]*Policy, 0, len(s.Policies))
		for j, other := range s.Policies {
			switch {
			case j == i:
				on := *named
				on.Shadow = false
				with.Policies = append(with.Policies, &on)
			case !other.Shadow:
				with.Policies = append(with.Policies, other)
			}
		}
		p, err := c.Compile(ctx, with)
		if err != nil {
			return nil, err
		}
		out = append(out, shadow{named, p})
	}
	return out, nil
}

// HasShadows reports whether p has policies that only look on.
func (p *Program) HasShadows() bool { return len(p.shadows) > 0 }

// Disagreements asks the shadow policies about a request that p has decided
// about as d says, and returns those that would have decided otherwise.
func (p *Program) Disagreements(ctx context.Context, f Facts, d Decision) []Disagreement {
	var out []Disagreement
	for _, s := range p.shadows {
		would := s.program.Decide(ctx, f)
		if would.Outcome != d.Outcome || would.Err != nil {
			out = append(out, Disagreement{s.policy.Name, would})
		}
	}
	return out
}
