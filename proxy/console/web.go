package console

import (
	"mime"
	"net/http"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// A visit is one request for a page, by somebody with a role.
type visit struct {
	*State
	w     http.ResponseWriter
	r     *http.Request
	actor Actor
	token string
}

// sections are the navigation; who may not do what a section is for does not
// see it.
var sections = []struct {
	path, label string
	action      Action
}{
	{"/", "nav.overview", "GetStatus"},
	{"/decisions", "nav.decisions", "ListDecisions"},
	{"/routes", "nav.routes", "ListRoutes"},
	{"/explain", "nav.explain", "ExplainRequest"},
	{"/sessions", "nav.sessions", "ListSessions"},
	{"/users", "nav.users", "ListUsers"},
	{"/groups", "nav.groups", "ListGroups"},
	{"/devices", "nav.devices", "ListDevices"},
	{"/requests", "nav.requests", "ListAccessRequests"},
	{"/grants", "nav.grants", "ListGrants"},
	{"/accounts", "nav.accounts", "ListServiceAccounts"},
	{"/audit", "nav.audit", "ListAudit"},
}

// routes are the pages, each with the action that it shows or does.
func (s *Server) routes() {
	s.on("GET /{$}", "GetStatus", s.overviewPage)

	s.on("GET /sessions", "ListSessions", s.sessionsPage)
	s.on("GET /sessions/revoke", "RevokeSession", s.askRevoke)
	s.on("POST /sessions/revoke", "RevokeSession", s.revoke)
	s.on("GET /sessions/revoke-person", "RevokeUserSessions", s.askRevokePerson)
	s.on("POST /sessions/revoke-person", "RevokeUserSessions", s.revokePerson)
	s.on("GET /sessions/revoke-all", "RevokeAllSessions", s.askRevokeAll)
	s.on("POST /sessions/revoke-all", "RevokeAllSessions", s.revokeAll)

	s.on("GET /impersonation/start", "StartImpersonation", s.askAct)
	s.on("POST /impersonation/start", "StartImpersonation", s.act)
	s.on("GET /impersonation/stop", "StopImpersonation", s.askStop)
	s.on("POST /impersonation/stop", "StopImpersonation", s.stop)

	s.on("GET /users", "ListUsers", s.usersPage)
	s.on("GET /users/show", "GetUser", s.userPage)
	s.on("GET /users/disable", "DisableUser", s.askDisable)
	s.on("POST /users/disable", "DisableUser", s.disable)
	s.on("GET /users/enable", "EnableUser", s.askEnable)
	s.on("POST /users/enable", "EnableUser", s.enable)
	s.on("GET /groups", "ListGroups", s.groupsPage)

	s.on("GET /devices", "ListDevices", s.devicesPage)
	s.on("GET /devices/show", "GetDevice", s.devicePage)
	s.on("GET /devices/approve", "ApproveDevice", s.askApprove)
	s.on("POST /devices/approve", "ApproveDevice", s.approve)
	s.on("GET /devices/disapprove", "DisapproveDevice", s.askDisapprove)
	s.on("POST /devices/disapprove", "DisapproveDevice", s.disapprove)
	s.on("GET /devices/delete", "DeleteDevice", s.askDelete)
	s.on("POST /devices/delete", "DeleteDevice", s.deleteDevice)
	s.on("GET /devices/links", "ListEnrollmentLinks", s.linksPage)
	s.on("GET /devices/links/revoke", "RevokeEnrollmentLink", s.askRevokeLink)
	s.on("POST /devices/links/revoke", "RevokeEnrollmentLink", s.revokeLink)
	s.on("GET /devices/enroll", "CreateEnrollmentLink", s.enrollPage)
	s.on("POST /devices/enroll", "CreateEnrollmentLink", s.enroll)

	s.on("GET /audit", "ListAudit", s.auditPage)
	s.on("GET /audit/verify", "VerifyAudit", s.verifyAudit)

	s.on("GET /requests", "ListAccessRequests", s.requestsPage)
	s.on("GET /requests/approve", "ApproveAccessRequest", s.askApproveRequest)
	s.on("POST /requests/approve", "ApproveAccessRequest", s.approveRequest)
	s.on("GET /requests/refuse", "RefuseAccessRequest", s.askRefuse)
	s.on("POST /requests/refuse", "RefuseAccessRequest", s.refuseRequest)
	s.on("GET /grants", "ListGrants", s.grantsPage)
	s.on("GET /grants/end", "EndGrant", s.askEnd)
	s.on("POST /grants/end", "EndGrant", s.endGrant)

	s.on("GET /accounts", "ListServiceAccounts", s.accountsPage)
	s.on("GET /accounts/new", "CreateServiceAccount", s.askAccount)
	s.on("POST /accounts/new", "CreateServiceAccount", s.createAccount)
	s.on("GET /accounts/delete", "DeleteServiceAccount", s.askDeleteAccount)
	s.on("POST /accounts/delete", "DeleteServiceAccount", s.deleteAccount)

	s.on("GET /decisions", "ListDecisions", s.decisionsPage)
	s.on("GET /decisions/live", "FollowDecisions", s.liveDecisions)
	s.on("GET /explain", "ExplainRequest", s.explainPage)

	s.on("GET /routes", "ListRoutes", s.routesPage)
	s.on("GET /routes/show", "GetRoute", s.routePage)
	s.on("GET /routes/tests", "ListPolicyTests", s.policyTestsPage)
	s.on("GET /replay", "ReplayConfig", s.askReplay)
	s.on("POST /replay", "ReplayConfig", s.replay)
}

// on serves a page to whom may do its action.
func (s *Server) on(pattern string, action Action, step func(visit) error) {
	s.served = append(s.served, servedPage{pattern, action})
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := r.Context().Value(visitKey{}).(visit)
		v.r = r
		err := error(ErrForbidden)
		if v.actor.May(action) {
			err = step(v)
		} else if r.Method == http.MethodPost {
			s.o.Service.deny(r.Context(), v.actor, change{action: action})
		}
		if err != nil {
			s.fail(v, err)
		}
	})
}

// A servedPage is a pattern of the mux and the action that it shows or does.
type servedPage struct {
	pattern string
	action  Action
}

type visitKey struct{}

// page finds the page that r asks for. Whoever has no role sees one that says so
// and nothing else; a form is looked at before anything is done with it.
func (s *Server) page(w http.ResponseWriter, r *http.Request, st *State, a Actor) {
	v := visit{State: st, w: w, r: r, actor: a, token: s.token(a)}
	if a.Role == RoleNone {
		s.guest(v)
		return
	}
	limit := int64(maxForm)
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		limit = maxUpload
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !s.ownForm(r, a) {
		s.fail(v, errForeign)
		return
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		s.fail(v, ErrNotFound)
		return
	}
	s.mux.ServeHTTP(w, r.WithContext(contextWith(r.Context(), v)))
}

// frame is what surrounds a page of the section at path.
func (s *Server) frame(v visit, path string) pages.Console {
	c := pages.Console{
		Frame: pages.Frame{
			Person:     pages.Person{Name: v.actor.Name, Email: v.actor.Email, ID: v.actor.UserKey},
			SessionURL: "/.pomerium/", SignOutURL: "/.pomerium/sign_out", RequestID: v.actor.RequestID, Host: v.r.Host,
		},
		Role: v.actor.Role.String(), Token: v.token, Acting: v.actingNotice(),
	}
	for _, one := range sections {
		if v.actor.May(one.action) {
			c.Sections = append(c.Sections, pages.Section{Label: say(one.label), URL: one.path, Here: one.path == path})
		}
	}
	// Only words of ours can be asked for, by their name, and not by a link of
	// another site: it would say that something was done which was not.
	if done := v.r.URL.Query().Get("done"); done != "" && fromHere(v.r) {
		if text, ok := words["done."+done]; ok {
			c.Notice = pages.Notice{Text: text, Tone: pages.ToneAllow}
		}
	}
	return c
}

// done leads back to a page after a form, where a sentence says what was done.
func (v visit) done(path, word string) error {
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	http.Redirect(v.w, v.r, path+sign+"done="+word, http.StatusSeeOther)
	return nil
}
