package policy

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// editAddress moves the client. Networks without anybody in particular are
// those kept for documentation (RFC 5737, RFC 3849).
func editAddress(_ *searcher, c criterion, want bool, _ *Scenario) []edit {
	networks, ok := c.operand.(networks)
	if !ok {
		return nil
	}
	at := func(text string, addr netip.Addr) edit {
		return edit{key: "address", cost: costAddress, text: text, apply: func(s *Scenario) { s.Request.IP = addr }}
	}
	var out []edit
	if want {
		for _, n := range networks[:min(len(networks), maxValues)] {
			addr := n.Addr()
			if next := addr.Next(); n.Bits() < addr.BitLen()-1 && n.Contains(next) {
				addr = next // the first of a network is nobody's
			}
			text := "from " + n.String()
			if n.IsSingleIP() {
				text = "from " + n.Addr().String()
			}
			out = append(out, at(text, addr))
		}
		return out
	}
	for _, text := range []string{"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "10.0.0.1"} {
		addr := netip.MustParseAddr(text)
		if !slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) }) {
			return []edit{at("from elsewhere than "+cut(strings.Join(networks.texts(), ", "))+", such as "+text, addr)}
		}
	}
	return nil
}

// editRequestLine asks for something else.
func editRequestLine(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	e := edit{cost: costRequest}
	if c.kind.name == "http_path" {
		return e.values("path", c, want, s.Request.Path, "/other", func(s *Scenario, v string) {
			s.Request.Path, s.Request.RawPath = v, (&url.URL{Path: v}).EscapedPath()
		})
	}
	other := "GET"
	if s.Request.Method == other {
		other = "HEAD"
	}
	return e.values("method", c, want, s.Request.Method, other, func(s *Scenario, v string) { s.Request.Method = v })
}

// editHeader sends a header with another value.
func editHeader(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	current, _ := s.Request.header(c.subPath)
	return edit{cost: costRequest}.values("header "+Visible(c.subPath), c, want, current, "other", func(s *Scenario, v string) {
		s.setHeader(c.subPath, v)
	})
}

// editQuery gives a parameter another value, and each other one that can be
// read in one way only the value that it has.
func editQuery(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	q := parseQuery(s.Request.RawQuery)
	rest, current := url.Values{}, ""
	for _, p := range q.pairs {
		switch {
		case p.name == c.subPath:
			current = p.value
		case !p.doubtful:
			rest.Add(p.name, p.value)
		}
	}
	query := func(s *Scenario, value string) {
		after := url.Values{}
		for name, values := range rest {
			after[name] = values
		}
		if value != "" {
			after.Set(c.subPath, value)
		}
		s.Request.RawQuery = after.Encode()
	}
	name := "parameter " + Visible(c.subPath)
	out := edit{cost: costRequest}.values(name, c, want, "", "other", query)
	out = slices.DeleteFunc(out, func(e edit) bool { return current != "" && !q.several && e.text == name+" "+strconv.Quote(current) })
	if !want && len(q.pairs) > 0 {
		out = append(out, edit{key: name, cost: costRequest, text: "no " + name, apply: func(s *Scenario) { query(s, "") }})
	}
	return out
}

// editPreflight makes a preflight of the request, and an ordinary one of a
// preflight.
func editPreflight(_ *searcher, _ criterion, want bool, _ *Scenario) []edit {
	if !want {
		return []edit{{key: "method", cost: costRequest, text: `method "GET"`, apply: func(s *Scenario) { s.Request.Method = "GET" }}}
	}
	return []edit{{key: "method", cost: costRequest, text: "a CORS preflight", apply: func(s *Scenario) {
		s.Request.Method = "OPTIONS"
		s.setHeader("Origin", "https://somewhere.example")
		s.setHeader("Access-Control-Request-Method", "GET")
	}}}
}

// setHeader puts a header before those of the request.
func (s *Scenario) setHeader(name, value string) {
	before := s.Request.Header
	s.Request.Header = func(asked string) (string, bool) {
		switch {
		case asked == name:
			return value, true
		case before == nil:
			return "", false
		}
		return before(asked)
	}
}

// editCertificate presents another certificate. One of a certain fingerprint
// cannot be made up, and so is never offered.
func editCertificate(_ *searcher, c criterion, want bool, s *Scenario) []edit {
	present := func(text string, leaf *x509.Certificate) edit {
		return edit{key: "client certificate", cost: costClaim, text: text, apply: func(s *Scenario) {
			s.Request.ClientCertificate = ClientCertificate{Presented: true, Valid: true, Leaf: leaf}
		}}
	}
	blank := &x509.Certificate{Raw: []byte("any")}
	if leaf := s.Request.ClientCertificate.Leaf; leaf != nil {
		blank = leaf
	}
	m, ok := c.operand.(certificateMatcher)
	if !ok {
		if want {
			return nil // an invalid one is nothing to ask anybody for
		}
		return []edit{present("a valid client certificate", blank)}
	}
	if !want {
		return []edit{
			present("another client certificate, valid and for which "+c.text()+" is false", &x509.Certificate{Raw: []byte("another")}),
			{key: "client certificate", cost: costClaim, text: "no client certificate", apply: func(s *Scenario) {
				s.Request.ClientCertificate = ClientCertificate{}
			}},
		}
	}
	out := []edit{present("a valid client certificate", blank)}
	leaf, text := m.certificate()
	if leaf != nil {
		out = append(out, present("a valid client certificate with "+text, leaf))
	}
	return out
}

// certificate makes one up that has the names the matcher asks for.
func (m certificateMatcher) certificate() (*x509.Certificate, string) {
	leaf := &x509.Certificate{Raw: []byte("made up")}
	var texts []string
	for _, t := range m {
		if t.names == nil {
			return nil, ""
		}
		values := t.names.values(true, "", "somebody.example.com")
		if len(values) == 0 {
			return nil, ""
		}
		switch t.field {
		case "san_email":
			leaf.EmailAddresses = append(leaf.EmailAddresses, values[0])
		case "san_dns":
			leaf.DNSNames = append(leaf.DNSNames, values[0])
		case "san_uri":
			u, err := url.Parse(values[0])
			if err != nil {
				return nil, ""
			}
			leaf.URIs = append(leaf.URIs, u)
		}
		texts = append(texts, t.field+" "+strconv.Quote(values[0]))
	}
	return leaf, strings.Join(texts, " and ")
}
