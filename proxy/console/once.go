package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"sync"

	"github.com/cardea-proxy/cardea/internal/pages"
)

// fieldOnce is of forms that make a secret: what they answer with is shown this
// once, and a page that is loaded again must not make another.
const fieldOnce = "once"

func onceField() pages.Field { return pages.Field{Name: fieldOnce, Value: rand.Text()} }

// maxSent bounds the forms that are remembered. The oldest are forgotten, and
// could be sent again.
const maxSent = 4096

// sent remembers forms that were sent. It is a comfort, no protection: forms have
// a token for that.
type sent struct {
	mu    sync.Mutex
	at    map[string]int // place in order
	order [maxSent]string
	next  int
}

var errSentAlready = &Conflict{"this form was sent already: what it made is in the list, and its secret was shown then"}

// take remembers the form of v, and returns what forgets it again: nothing was
// made of it. A form without the field counts as new.
func (s *sent) take(v visit) (undo func(), err error) {
	id := v.r.PostFormValue(fieldOnce)
	if id == "" || len(id) > 64 {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id = v.actor.SessionID + " " + id
	if _, known := s.at[id]; known {
		return nil, errSentAlready
	}
	if s.at == nil {
		s.at = make(map[string]int, maxSent)
	}
	delete(s.at, s.order[s.next])
	s.order[s.next], s.at[id] = id, s.next
	s.next = (s.next + 1) % maxSent
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if at, known := s.at[id]; known {
			s.order[at] = ""
			delete(s.at, id)
		}
	}, nil
}

// ofTheForm reports whether whoever filled in a form can do something about err
// there.
func ofTheForm(err error) bool {
	var invalid *Invalid
	var conflict *Conflict
	return errors.As(err, &invalid) || errors.As(err, &conflict)
}

// markWrong puts what is wrong with a form on it: at the field where there is one
// of that name.
func markWrong(form *pages.ConsoleForm, err error) {
	var invalid *Invalid
	var conflict *Conflict
	switch {
	case errors.As(err, &conflict):
		form.Status = http.StatusConflict
		form.Problems = append(form.Problems, say("conflict.because", conflict.Why))
	case errors.As(err, &invalid):
		form.Status = http.StatusBadRequest
		for i := range form.Rows {
			if form.Rows[i].Name == invalid.Field {
				form.Rows[i].Error = say("invalid.want", invalid.Want)
				return
			}
		}
		form.Problems = append(form.Problems, say("invalid.because", invalid.Field, invalid.Want))
	}
}
