package authorize

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/policy"
)

// A State is one configuration with all that decisions under it need.
type State struct {
	Config   *config.Config
	Programs map[string]*policy.Program // by route id; every route has one
	Minter   *assertion.Minter
	// Admins is the policy of console.admins. They may act as others where the
	// configuration allows it; nil is nobody.
	Admins *policy.Program
}

// A generation is a State made ready. It never changes.
type generation struct {
	number       uint64
	routes       map[string]*route
	minter       *assertion.Minter
	cookieName   string
	binderName   string
	cookieDomain string
	signIn       *url.URL // nil: there is no sign-in host
	signInName   string   // its host name, lower case, without port
	idle         time.Duration
	claimHeaders []claimHeader
	logFields    []logField
	recorded     []string // headers that are recorded, canonical
	// recordedLower are the same in lower case, in the same order.
	recordedLower []string
	shadows       map[shadowOn]bool
	logged        bool // log_level lets decisions through
	provider      string
	// providers holds the host names where the first route takes the sessions
	// of another provider: there, that one is asked for on our own paths too.
	providers map[string]string
	// answers are forgotten with their generation.
	answers *cache[answerKey, *answer]
	actors  *policy.Program // who may act as another; nil: the configuration allows nobody to
	// ownPages stands for our own paths where they show the assertion.
	ownPages *route
}

// A route is one route of one generation.
type route struct {
	id           string
	name         string
	digest       string
	program      *policy.Program
	grants       []string // by which its policy lets people in
	provider     string   // whose sessions it takes
	hosts        []string // further ones to sign in to at the same time
	details      bool     // its denials name policies and reasons
	console      bool     // leads to the console
	tunnel       string   // the host of a route for CONNECT; "" for other routes
	certs        *certVerifier
	readsSession bool
	readsHeaders bool
	readsRecords bool
	needsCert    bool // its policy or headers read the client's certificate
	// pathDecides: the path chooses between policies, in this one or between
	// the routes of its host. Then it must have one meaning to everybody.
	pathDecides bool

	passIdentity bool
	issuer       config.JWTIssuerFormat
	setHeaders   []setHeader
	setsCookie   bool // one of them is Cookie
	needsJWT     bool // a set header holds the assertion
	perRequest   bool // a set header may differ between requests of one person
	routingKey   bool
	personal     bool      // its answer depends on who asks
	anonymous    *response // for nobody; nil when perRequest
}

// newGeneration readies st. It reports every fault at once.
func newGeneration(st State, now func() time.Time) (*generation, error) {
	c := st.Config
	if c == nil || st.Minter == nil {
		return nil, errors.New("authorize: a configuration and a minter are needed")
	}
	g := &generation{
		number: c.Generation, routes: make(map[string]*route, len(c.Routes)), minter: st.Minter,
		cookieName: c.CookieName, binderName: ticket.BinderName(c.CookieName),
		cookieDomain: c.CookieDomain,
		idle:         c.SessionIdleTimeout, claimHeaders: sortClaimHeaders(c.JWTClaimsHeaders),
		logFields: parseLogFields(c.AuthorizeLogFields), logged: logsDecisions(c.LogLevel),
		provider: config.ProviderID(c, nil), providers: make(map[string]string),
		answers:  newCache[answerKey, *answer](answerCacheSize),
		recorded: recordedHeaders(st.Programs), shadows: make(map[shadowOn]bool),
		ownPages: &route{id: reasonInternal, passIdentity: true, personal: true, issuer: c.JWTIssuerFormat},
	}
	if c.Console.Impersonation {
		g.actors = st.Admins
	}
	g.recordedLower = lowerAll(g.recorded)
	if !c.AuthenticateServiceURL.IsZero() {
		g.signIn = c.AuthenticateServiceURL.URL
		g.signInName, _ = hostnameOf(g.signIn.Host)
	}
	var faults []error
	verifiers := make(map[string]*certVerifier)
	digests := make(map[string]map[string]bool) // of the policies on each host
	for _, r := range c.Routes {
		rt, err := newRoute(c, r, st.Programs[r.ID], verifiers, now)
		if err != nil {
			faults = append(faults, fmt.Errorf("authorize: route %q: %w", r.ID, err))
			continue
		}
		g.routes[r.ID] = rt
		for _, p := range r.Policy.Policies {
			if p.Shadow {
				g.shadows[shadowOn{p.Name, r.ID}] = true
			}
		}
		if _, known := g.providers[r.From.Host]; !known {
			g.providers[r.From.Host] = rt.provider
			digests[r.From.Host] = make(map[string]bool)
		}
		digests[r.From.Host][rt.digest] = true
	}
	for _, r := range c.Routes {
		if rt := g.routes[r.ID]; rt != nil {
			rt.pathDecides = rt.pathDecides || len(digests[r.From.Host]) > 1
		}
	}
	return g, errors.Join(faults...)
}

func newRoute(c *config.Config, r *config.Route, p *policy.Program, verifiers map[string]*certVerifier, now func() time.Time) (*route, error) {
	if p == nil {
		return nil, errors.New("no policy was compiled for it")
	}
	ca := r.DownstreamClientCA
	if ca == nil {
		ca = c.ClientCA
	}
	certs, known := verifiers[string(ca)]
	if !known {
		var err error
		if certs, err = newCertVerifier(c, ca, now); err != nil {
			return nil, err
		}
		verifiers[string(ca)] = certs
	}
	reads, all := p.Reads(), p.AllReads()
	rt := &route{
		id: r.ID, name: r.Name, digest: p.Digest(), program: p, grants: p.Grants(), provider: config.ProviderID(c, r),
		console: r.Console, hosts: r.DependsOn, certs: certs, details: r.ShowErrorDetails,
		readsSession: reads.Session, readsHeaders: len(all.Headers) > 0 || all.AllHeaders,
		readsRecords: len(all.Records) > 0,
		needsCert:    all.Certificate || all.CertificateLeaf || all.Volatile,
		pathDecides:  reads.Path || reads.RawPath,
		passIdentity: c.PassIdentity(r), issuer: r.JWTIssuerFormat,
		setHeaders: parseSetHeaders(r.SetRequestHeaders),
		routingKey: slices.Contains([]config.LoadBalancingPolicy{config.LBMaglev, config.LBRingHash}, r.LoadBalancingPolicy),
	}
	if r.IsTCP() {
		rt.tunnel = r.From.Host
	}
	if rt.issuer == "" {
		rt.issuer = c.JWTIssuerFormat
	}
	for _, h := range rt.setHeaders {
		rt.setsCookie = rt.setsCookie || h.name == "cookie"
		rt.needsJWT = rt.needsJWT || h.value.has(pieceJWT)
		rt.perRequest = rt.perRequest || h.value.perRequest()
		rt.needsCert = rt.needsCert || h.value.has(pieceCertFingerprint, pieceCertDNS, pieceCertEmail)
	}
	rt.personal = rt.passIdentity || rt.routingKey || len(rt.setHeaders) > 0
	if !rt.perRequest {
		rt.anonymous = ready(allow(rt.expand(&templateValues{})))
	}
	return rt, nil
}

// logsDecisions reports whether decisions, which are of level info, are logged.
func logsDecisions(level config.LogLevel) bool {
	return slices.Contains([]config.LogLevel{"", "trace", "debug", "info"}, level)
}

// providerFor returns the provider to sign in with for rt, or for our own paths
// on a host where rt is nil.
func (g *generation) providerFor(rt *route, hostname string) string {
	if rt != nil {
		return rt.provider
	}
	if p, ok := g.providers[hostname]; ok {
		return p
	}
	return g.provider
}

// A succession is the newest generation and the one before, which counts for a
// while: Envoy may not have taken the newest yet.
type succession struct {
	current  *generation
	previous *generation // nil for none
	until    time.Time   // previous counts before then
}

// overlap is how long at most Envoy is waited for.
const overlap = 5 * time.Second

// find returns the route called id with its generation. A route of the newest
// generation is always decided as that one says, so that a tightened rule bites
// even while Envoy refuses the rest of the configuration.
func (s *succession) find(id string, now time.Time) (*generation, *route) {
	if rt, ok := s.current.routes[id]; ok {
		return s.current, rt
	}
	if s.previous != nil && now.Before(s.until) {
		if rt, ok := s.previous.routes[id]; ok {
			return s.previous, rt
		}
	}
	return s.current, nil
}
