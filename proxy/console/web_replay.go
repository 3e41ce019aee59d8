package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// askReplay asks for a configuration.
func (s *Server) askReplay(v visit) error {
	if !s.o.Service.recorded() {
		return errNotRecorded
	}
	s.o.Pages.ConsoleForm(s.replayForm(v)).Send(v.w)
	return nil
}

func (s *Server) replayForm(v visit) pages.ConsoleForm {
	return pages.ConsoleForm{
		Console: s.frame(v, "/routes"), Title: say("replay.title"), Lead: say("replay.lead"), Action: "/replay", Upload: true,
		Rows:   []pages.FormRow{{Name: "config", Label: say("replay.file"), Kind: "file", Required: true, Hint: say("replay.file.hint")}},
		Button: say("replay.button"), Back: pages.Action{Label: say("cancel"), URL: "/routes"},
	}
}

// replay tries the configuration that was sent. The form has been read into
// memory: maxUpload is less than what Go keeps there.
func (s *Server) replay(v visit) error {
	text, err := sentFile(v.r, "config")
	if err != nil {
		return err
	}
	out, err := s.o.Service.ReplayConfig(v.r.Context(), v.actor, &consolepb.ReplayConfigRequest{Config: text})
	if err != nil {
		return err
	}
	if len(out.Problems) > 0 {
		f := s.replayForm(v)
		f.Status = http.StatusUnprocessableEntity
		f.Rows[0].Error = say("replay.wrong")
		for _, problem := range out.Problems[:min(len(out.Problems), shownErrors)] {
			f.Problems = append(f.Problems, strings.TrimPrefix(problem, "uploaded.yaml:"))
		}
		s.o.Pages.ConsoleForm(f).Send(v.w)
		return nil
	}
	s.o.Pages.ConsoleDetail(s.replayed(v, out)).Send(v.w)
	return nil
}

// sentFile reads one file of a form, at most maxConfig and a byte of it.
func sentFile(r *http.Request, name string) ([]byte, error) {
	wrong := &Invalid{name, "a file of at most 1 MiB"}
	file, head, err := r.FormFile(name)
	if err != nil {
		return nil, wrong
	}
	defer func() {
		_ = file.Close() // only read from
		if r.MultipartForm != nil {
			_ = r.MultipartForm.RemoveAll() // there is none on disk
		}
	}()
	if head.Size > maxConfig {
		return nil, wrong
	}
	text, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return nil, errors.Join(wrong, err)
	}
	return text, nil
}

func (s *Server) replayed(v visit, out *consolepb.ReplayConfigResponse) pages.ConsoleDetail {
	page := pages.ConsoleDetail{
		Console: s.frame(v, "/routes"), Title: say("replay.done"), Back: pages.Action{Label: say("replay.again"), URL: "/replay"},
		State: pages.Notice{Text: say("replay.none"), Tone: pages.ToneAllow},
		Pairs: []pages.Pair{
			{Label: say("replay.decisions"), Cell: pages.Cell{Text: fmt.Sprint(out.Decisions)}},
			{Label: say("replay.same"), Cell: pages.Cell{Text: fmt.Sprint(out.Same)}},
			{Label: say("replay.flipped"), Cell: pages.Cell{Text: fmt.Sprint(out.Flipped)}},
			{Label: say("replay.unsure"), Cell: pages.Cell{Text: fmt.Sprint(out.CannotTell)}},
			{Label: say("replay.passed"), Cell: pages.Cell{Text: fmt.Sprint(out.PassedOver)}},
		},
		Parts: []pages.Part{flipsPart(out), doubtsPart(out)},
	}
	if out.Flipped > 0 {
		page.State = pages.Notice{Text: countOf("replay.flips", out.Flipped), Tone: pages.ToneWait}
	}
	if !out.Whole {
		page.Notice = pages.Notice{Text: say("replay.partly"), Tone: pages.ToneWait}
	}
	return page
}

func flipsPart(out *consolepb.ReplayConfigResponse) pages.Part {
	table := &pages.Table{Caption: say("replay.flips"), Empty: say("replay.none"), Columns: []pages.Column{
		{Label: say("decisions.person")}, {Label: say("decisions.route")}, {Label: say("replay.before")}, {Label: say("replay.after")},
		{Label: say("decisions.why")}, {Label: say("routes.requests")},
	}}
	for _, f := range out.Flips {
		table.Rows = append(table.Rows, pages.Row{
			Cells: []pages.Cell{
				{Text: called(f.Person, say("decisions.nobody"))}, {Text: f.Route, Sub: strings.TrimSpace(f.Method + " " + f.Path)},
				outcomeCell(f.Before), outcomeCell(f.After), {Text: called(strings.Join(f.Why, "; "), " ")}, {Text: fmt.Sprint(f.Count)},
			},
			Actions: []pages.Action{{Label: say("decisions.explain"), URL: withQuery("/explain", "request", f.RequestId)}},
		})
	}
	return pages.Part{ID: "flips", Title: say("replay.flips"), Table: table}
}

func doubtsPart(out *consolepb.ReplayConfigResponse) pages.Part {
	table := &pages.Table{Caption: say("replay.unsure"), Empty: say("replay.unsure.empty"), Columns: []pages.Column{
		{Label: say("decisions.why")}, {Label: say("routes.requests")},
	}}
	for _, d := range out.Doubts {
		table.Rows = append(table.Rows, pages.Row{Cells: []pages.Cell{{Text: d.Why}, {Text: fmt.Sprint(d.Count)}}})
	}
	return pages.Part{ID: "doubts", Title: say("replay.unsure"), Table: table}
}
