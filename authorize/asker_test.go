package authorize

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// TestAskerIsWhoDecisionsSee: the console knows people as routes do.
func TestAskerIsWhoDecisionsSee(t *testing.T) {
	t.Parallel()
	const rule = "allow: {or: [{authenticated_user: true}]}"
	session := func(h *house) *databroker.Session { return h.records.sessions["s-alice"] }
	for _, tc := range []struct {
		name   string
		change func(*house)
		want   error // nil: she is known
	}{
		{"as she is", func(*house) {}, nil},
		{"without a session", func(h *house) { delete(h.records.sessions, "s-alice") }, ErrNobody},
		{"without a record", func(h *house) { delete(h.records.users, session(h).UserKey()) }, ErrNobody},
		{"shut out", func(h *house) {
			u := h.records.users[session(h).UserKey()].Clone()
			u.Disabled = true
			h.records.users[u.Key] = u
		}, ErrNobody},
		{"after the end of the session", func(h *house) { h.clock.advance(100 * 24 * time.Hour) }, ErrNobody},
		{"when nobody can tell", func(h *house) { h.records.fault = databroker.ErrStale }, databroker.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, map[string]string{"app": rule}, nil)
			h.records.change(func() { tc.change(h) })
			got, err := h.Asker(t.Context(), "s-alice")
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			if known := err == nil; known != (got.Facts != nil) || known != (got.UserKey != "") || known != (got.Email != "") {
				t.Errorf("%+v beside %v", got, err)
			}
		})
	}
	t.Run("before the first configuration", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, map[string]string{"app": rule}, nil)
		h.state.Store(nil)
		if _, err := h.Asker(t.Context(), "s-alice"); !errors.Is(err, databroker.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

// TestSupposedIsThePersonOfANewSession: their record as decisions read it, and
// nothing of the sessions that they have.
func TestSupposedIsThePersonOfANewSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": "allow: {or: [{authenticated_user: true}]}"}, nil)
	session := h.records.sessions["s-alice"]
	key := session.UserKey()
	real, err := h.Asker(t.Context(), "s-alice")
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Supposed(t.Context(), key)
	if err != nil || got.Email != real.Email || got.Data.UserID != real.Data.UserID || !slices.Equal(got.Data.Groups, real.Data.Groups) ||
		got.Data.SessionID == "s-alice" || len(got.Data.Devices) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := h.Supposed(t.Context(), key+"x"); !errors.Is(err, ErrNobody) {
		t.Errorf("somebody unknown: %v", err)
	}
	h.records.change(func() {
		u := h.records.users[key].Clone()
		u.Disabled = true
		h.records.users[key] = u
	})
	if _, err := h.Supposed(t.Context(), key); !errors.Is(err, ErrNobody) {
		t.Errorf("somebody shut out: %v", err)
	}
	h.records.change(func() { h.records.fault = databroker.ErrStale })
	if _, err := h.Supposed(t.Context(), key); err == nil || errors.Is(err, ErrNobody) {
		t.Errorf("when nobody can tell: %v", err)
	}
}
