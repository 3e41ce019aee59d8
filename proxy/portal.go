package proxy

import (
	"maps"
	"net/http"
	"net/netip"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/policy"
)

// portal shows the routes that this person may open.
func (s *Server) portal(v visit) {
	p, open, err := s.openRoutes(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	page := pages.Routes{Frame: s.frame(v, p), Query: v.r.URL.Query().Get("q")}
	for _, r := range open {
		page.Routes = append(page.Routes, pages.Route{
			Name: r.Name, Description: r.Description, URL: address(r), LogoURL: r.LogoURL, ConnectCommand: connectCommand(r),
		})
	}
	s.o.Pages.Routes(page).Send(v.w)
}

// portalRoute is a route as programs read it.
type portalRoute struct {
	ID             string `json:"id"`
	Name           string `json:"name"`
	Type           string `json:"type"` // http or tcp
	From           string `json:"from"`
	Description    string `json:"description"`
	ConnectCommand string `json:"connect_command,omitempty"`
	LogoURL        string `json:"logo_url,omitempty"`
}

func (s *Server) portalJSON(v visit) {
	_, open, err := s.openRoutes(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	routes := []portalRoute{}
	for _, r := range open {
		item := portalRoute{
			ID: r.ID, Name: r.Name, Type: "http", From: address(r), Description: r.Description,
			ConnectCommand: connectCommand(r), LogoURL: r.LogoURL,
		}
		if r.IsTCP() {
			item.Type = "tcp"
		}
		routes = append(routes, item)
	}
	v.json(http.StatusOK, map[string]any{"routes": routes})
}

// openRoutes asks the policy of every route, the one that enforces, whether it
// would let this person in now. It leaves the policies' memories alone: this
// person value is made for one page.
func (s *Server) openRoutes(v visit) (person, []*config.Route, error) {
	if !v.Config.Flag(config.FlagRoutesPortal) {
		return person{}, nil, errNotFound
	}
	p, err := s.who(v)
	if err != nil {
		return p, nil, err
	}
	if p.session == nil {
		return p, nil, errNobody
	}
	asker, err := s.asker(v, p)
	if err != nil {
		return p, nil, err
	}
	var open []*config.Route
	for _, r := range v.Config.Routes {
		program := v.Programs[r.ID]
		if program == nil || strings.Contains(r.From.Host, "*") || config.ProviderID(v.Config, r) != p.session.IDPID {
			continue
		}
		if program.Evaluate(v.r.Context(), policy.Facts{Request: v.opening(r), Person: asker, Records: s.o.Records}).Outcome == policy.Allow {
			open = append(open, r)
		}
	}
	return p, open, nil
}

// asker is the person as the policies that enforce read them: what the
// provider said last about the user outranks what the session holds. A device
// of theirs counts as shown just now, as it is theirs to show.
func (s *Server) asker(v visit, p person) (*policy.Person, error) {
	data := policy.PersonData{
		SessionID: p.session.ID, UserID: p.session.UserID, Email: p.user.Email, Name: p.user.Name, Groups: p.user.Groups,
		SignedInAt: p.session.IssuedAt,
		Claims:     map[string]any{},
	}
	maps.Copy(data.Claims, p.session.Claims)
	maps.Copy(data.Claims, p.user.Claims)
	var err error
	if data.Grants, err = s.grantsOf(v, p); err != nil {
		return nil, err
	}
	own, err := s.devicesOf(v, p)
	if err != nil {
		return nil, err
	}
	for _, d := range own {
		data.Devices = append(data.Devices, policy.Device{ID: d.ID, Type: d.Type, Approved: d.Approved, ShownAt: s.o.Now(), UserVerified: true})
	}
	directory, err := s.o.Sessions.DirectoryUser(v.r.Context(), p.session.UserKey())
	switch {
	case isNotFound(err):
	case err != nil:
		return nil, err
	default:
		data = withDirectory(data, directory)
	}
	return policy.NewPerson(data), nil
}

// withDirectory adds what a directory says. Ids and names are of the same
// groups where there are as many of both, else groups of their own.
func withDirectory(data policy.PersonData, d *databroker.DirectoryUser) policy.PersonData {
	if d.Email != "" {
		data.Email = d.Email
	}
	paired := len(d.GroupIDs) == len(d.GroupNames)
	for i, id := range d.GroupIDs {
		g := policy.DirectoryGroup{ID: id}
		if paired {
			g.Name = d.GroupNames[i]
		}
		data.DirectoryGroups = append(data.DirectoryGroups, g)
	}
	if !paired {
		for _, name := range d.GroupNames {
			data.DirectoryGroups = append(data.DirectoryGroups, policy.DirectoryGroup{Name: name})
		}
	}
	return data
}

// opening is the request with which the person would open r, from where they
// are now. The certificate counts as good: a route behind mutual TLS is theirs
// to open on a device that has one.
func (v visit) opening(r *config.Route) policy.Request {
	method, path := http.MethodGet, "/"
	switch {
	case r.IsTCP():
		method = http.MethodConnect
	case r.Path != "":
		path = r.Path
	case r.Prefix != "":
		path = r.Prefix
	}
	ip, _ := netip.ParseAddr(v.r.Header.Get("X-Cardea-Client-Address")) // the zero Addr is in no network
	return policy.Request{
		Method: method, Scheme: "https", Host: hostPort(r), Hostname: r.From.Host, Path: path, RawPath: path, IP: ip,
		ClientCertificate: policy.ClientCertificate{Presented: true, Valid: true},
	}
}

func hostPort(r *config.Route) string {
	if r.From.Port == "" {
		return r.From.Host
	}
	return r.From.Host + ":" + r.From.Port
}

// address is where the person opens r.
func address(r *config.Route) string {
	path := r.Prefix
	if r.Path != "" {
		path = r.Path
	}
	if r.IsTCP() {
		path = ""
	}
	return r.From.Scheme + "://" + hostPort(r) + path
}

// connectCommand opens the tunnel of a TCP route; "" for other routes.
func connectCommand(r *config.Route) string {
	if !r.IsTCP() {
		return ""
	}
	target := r.From.Target
	if target == "" {
		target = hostPort(r)
	}
	return "pomerium-cli tcp " + target
}
