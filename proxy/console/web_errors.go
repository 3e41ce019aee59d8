package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// errForeign is a form that does not come from a page of ours.
var errForeign = errors.New("console: a form of another page, or of another session")

// errAccount is a service account at a page.
var errAccount = errors.New("console: pages are not for service accounts")

func contextWith(ctx context.Context, v visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// refuse answers somebody of whom it is not known who they are.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	kind := pages.SignInNeeded
	switch {
	case errors.Is(err, errForeign):
		kind = pages.CrossSite
	case errors.Is(err, errAccount):
		kind = pages.Denied
	case !errors.Is(err, ErrNobody):
		kind = pages.CannotDecide
	}
	id := r.Header.Get("X-Request-Id")
	s.o.Log.Info().Err(err).Str("request_id", id).Msg("console refused")
	s.o.Pages.Error(pages.RequestOf(r), pages.Problem{Kind: kind, RequestID: id, Host: r.Host}).Send(w)
}

// guest answers somebody without a role: who they are signed in as is what they
// have to tell an administrator, or what is wrong.
func (s *Server) guest(v visit) {
	s.o.Log.Info().Str("user", v.actor.UserKey).Str("request_id", v.actor.RequestID).Msg("console refused: no role")
	if f := pages.Negotiate(pages.RequestOf(v.r)); f != pages.HTML {
		s.o.Pages.Error(pages.RequestOf(v.r), pages.Problem{Kind: pages.Denied, RequestID: v.actor.RequestID, Host: v.r.Host}).Send(v.w)
		return
	}
	c := s.frame(v, "")
	c.Sections = nil
	s.o.Pages.ConsoleNote(pages.ConsoleNote{
		Console: c, Status: http.StatusForbidden, Tone: pages.ToneDeny, Name: say("guest.name"),
		Title: say("guest.title"), Lead: say("guest.lead", v.actor.Label()), Next: say("guest.next"), Pairs: support(v),
	}).Send(v.w)
}

// A failure is how an error is told to somebody with a role.
type failure struct {
	status int
	tone   pages.Tone
	words  string // prefix of its words
}

func failureOf(err error) failure {
	var invalid *Invalid
	switch {
	case errors.Is(err, ErrForbidden):
		return failure{http.StatusForbidden, pages.ToneDeny, "forbidden"}
	case errors.Is(err, errForeign):
		return failure{http.StatusForbidden, pages.ToneDeny, "foreign"}
	case errors.Is(err, ErrNotFound):
		return failure{http.StatusNotFound, pages.ToneWait, "missing"}
	case errors.Is(err, ErrConflict):
		return failure{http.StatusConflict, pages.ToneWait, "conflict"}
	case errors.As(err, &invalid):
		return failure{http.StatusBadRequest, pages.ToneWait, "invalid"}
	case errors.Is(err, ErrUnavailable):
		return failure{http.StatusServiceUnavailable, pages.ToneWait, "away"}
	}
	return failure{http.StatusInternalServerError, pages.ToneDeny, "broken"}
}

// fail answers err to somebody with a role, and logs it.
func (s *Server) fail(v visit, err error) {
	f := failureOf(err)
	event := s.o.Log.Info()
	if f.status >= 500 {
		event = s.o.Log.Error()
	}
	event.Err(err).Str("request_id", v.actor.RequestID).Str("path", v.r.URL.Path).Str("user", v.actor.UserKey).Msg("console page refused")
	lead := say(f.words + ".lead")
	var invalid *Invalid
	var conflict *Conflict
	switch {
	case errors.As(err, &conflict):
		lead = say("conflict.because", conflict.Why)
	case errors.As(err, &invalid):
		lead = say("invalid.because", invalid.Field, invalid.Want)
	case f.words == "forbidden":
		lead = say("forbidden.role", v.actor.Role.String())
	}
	s.o.Pages.ConsoleNote(pages.ConsoleNote{
		Console: s.frame(v, ""), Status: f.status, Tone: f.tone, Name: say(f.words + ".name"),
		Title: say(f.words + ".title"), Lead: lead, Next: say(f.words + ".next"),
		Action: back(v), Pairs: support(v),
	}).Send(v.w)
}

// back leads to the list that the page of v belongs to, where there is one that
// the person may see.
func back(v visit) pages.Action {
	_, first, _ := strings.Cut(v.r.URL.Path, "/")
	first, _, _ = strings.Cut(first, "/")
	for _, one := range sections {
		if one.path == "/"+first && first != "" && v.actor.May(one.action) && v.r.URL.Path != one.path {
			return pages.Action{Label: say("to.section", say(one.label)), URL: one.path}
		}
	}
	return pages.Action{Label: say("to.start"), URL: "/"}
}

// support is what a specialist asks for.
func support(v visit) []pages.Pair {
	out := []pages.Pair{{Label: say("pair.person"), Cell: pages.Cell{Text: v.actor.Label()}}}
	if v.actor.RequestID != "" {
		out = append(out, pages.Pair{Label: say("pair.request"), Cell: pages.Cell{Text: v.actor.RequestID, Code: true, Copy: "request-id"}})
	}
	return out
}
