package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// livePatience bounds the writing of one event: who does not read is let go.
const livePatience = 10 * time.Second

// liveDecisions sends rows of the table of decisions as server-sent events (HTML,
// section 9.2), until the person may not see them any more.
func (s *Server) liveDecisions(v visit) error {
	if !strings.Contains(v.r.Header.Get("Accept"), "text/event-stream") {
		return &Invalid{"Accept", "text/event-stream"}
	}
	filter, err := v.table("/decisions", decisionFilters...).decisionFilter()
	if err != nil {
		return err
	}
	out := &liveWriter{w: v.w, control: http.NewResponseController(v.w)}
	err = s.o.Service.FollowDecisions(v.r.Context(), v.actor, &consolepb.FollowDecisionsRequest{Filter: filter}, s.again(v.actor),
		func(m *consolepb.FollowDecisionsResponse) error {
			if m.Missed > 0 {
				if err := out.event("missed", fmt.Sprint(m.Missed)); err != nil {
					return err
				}
			}
			if m.Decision == nil {
				return out.send(": here\n\n")
			}
			return out.event("row", string(s.o.Pages.LiveRow(v.decisionRow(m.Decision))))
		})
	if !out.begun {
		return err
	}
	if errors.Is(err, ErrForbidden) || errors.Is(err, ErrNobody) {
		_ = out.event("end", "refused") // the stream ends either way
	}
	return nil
}

// A liveWriter writes events, the head before the first.
type liveWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// event sends data, which is one line.
func (l *liveWriter) event(name, data string) error {
	return l.send("event: " + name + "\ndata: " + data + "\n\n")
}

func (l *liveWriter) send(text string) error {
	if !l.begun {
		h := l.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		l.w.WriteHeader(http.StatusOK)
		l.begun = true
	}
	// A recorder of tests has no deadline, and then nobody to wait for.
	if err := l.control.SetWriteDeadline(time.Now().Add(livePatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := io.WriteString(l.w, text); err != nil {
		return err
	}
	return l.control.Flush()
}
