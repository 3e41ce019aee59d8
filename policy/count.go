package policy

// Rules counts what somebody wrote that decides: criteria, shorthand keys and
// hand-written modules, without those of shadow policies.
func (s Source) Rules() int {
	n := s.Shorthand.count() + countCriteria(s.Documents)
	if s.DenyInvalidClientCertificate {
		n++
	}
	for _, p := range s.Policies {
		if !p.Shadow {
			n += p.Shorthand.count() + countCriteria(p.Documents) + len(p.Rego)
		}
	}
	return n
}

func (s Shorthand) count() (n int) {
	for _, given := range []bool{s.Public, s.AnyUser, s.CORSPreflight, len(s.Users) > 0, len(s.Domains) > 0, len(s.Claims) > 0} {
		if given {
			n++
		}
	}
	return n
}

func countCriteria(all []*Document) (n int) {
	for _, d := range all {
		for _, set := range d.rules {
			for _, groups := range [][]group{set.allow, set.deny} {
				for _, g := range groups {
					n += len(g.criteria)
				}
			}
		}
	}
	return n
}
