package databroker_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// A hundred days of bad luck: sessions come, change and go while the network
// is cut, falls silent and heals, and the store is swapped for none. Whatever
// happens, the view never shows what was gone for longer than a second, unless
// the broker has been away since, and then not beyond the grace.
func TestAViewNeverShowsWhatHasLongBeenGone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(name(int(seed)), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { newModel(t, seed).run(400) })
		})
	}
}

const modelGrace = 10 * time.Second

type model struct {
	t        *testing.T
	random   *rand.Rand
	broker   *broker
	operator *databroker.Client // reaches the store whatever the network does
	view     *databroker.View

	truth    [6]databroker.Session // the zero ID is no session
	changed  [6]time.Time
	awaySoon time.Time // when the network last got worse; zero while it is well
	wellAt   time.Time // when it last healed
}

func newModel(t *testing.T, seed uint64) *model {
	b := startBroker(t, nil)
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), broker: b,
		operator: startBroker(t, b.store).client,
		view:     b.runView(databroker.ViewOptions{Grace: modelGrace, Capacity: 256}),
		wellAt:   time.Now(),
	}
	settle(t, m.view)
	return m
}

func (m *model) run(steps int) {
	defer m.broker.network.heal()
	for range steps {
		switch m.random.IntN(10) {
		case 0:
			m.broker.network.cut()
			m.worse()
		case 1:
			m.broker.network.hush()
			m.worse()
		case 2, 3:
			if !m.awaySoon.IsZero() {
				m.broker.network.heal()
				m.awaySoon, m.wellAt = time.Time{}, time.Now()
			}
		default:
			m.change(m.random.IntN(len(m.truth)))
		}
		time.Sleep(time.Duration(m.random.IntN(1500)) * time.Millisecond)
		for i := range m.truth {
			m.check(i)
		}
		if m.t.Failed() {
			return
		}
	}
}

func (m *model) worse() {
	if m.awaySoon.IsZero() {
		m.awaySoon = time.Now()
	} else {
		m.broker.network.heal() // one trouble at a time: silence on a cut network is no more
		m.awaySoon, m.wellAt = time.Time{}, time.Now()
	}
}

// change makes, renews or deletes session i behind the view's back.
func (m *model) change(i int) {
	m.t.Helper()
	s := &m.truth[i]
	m.changed[i] = time.Now()
	if s.ID != "" && m.random.IntN(2) == 0 {
		if err := m.operator.DeleteSession(m.t.Context(), s.ID); err != nil {
			m.t.Fatal(err)
		}
		*s = databroker.Session{}
		return
	}
	if s.ID == "" {
		*s = *session(name(i))
	}
	putSession(m.t, m.operator, s)
}

// check compares what the view says with the truth.
func (m *model) check(i int) {
	m.t.Helper()
	now, s := time.Now(), m.truth[i]
	got, err := m.view.Session(m.t.Context(), name(i), s.Version)
	// The network must have been well for the connection to come back and the
	// second to pass.
	well := m.awaySoon.IsZero() && now.Sub(m.wellAt) > 4*time.Second
	settled := now.Sub(m.changed[i]) > time.Second
	switch {
	case err == nil && got.Version < s.Version:
		m.t.Errorf("%d: version %d, asked for %d", i, got.Version, s.Version)
	case err == nil && s.ID == "" && settled && well:
		m.t.Errorf("%d: shown %v after it was deleted", i, now.Sub(m.changed[i]))
	case err == nil && s.ID == "" && now.Sub(m.changed[i]) > modelGrace+time.Second && !m.awaySoon.IsZero() && now.Sub(m.awaySoon) > modelGrace+time.Second:
		m.t.Errorf("%d: shown beyond the grace", i)
	case errors.Is(err, databroker.ErrNotFound) && s.ID != "":
		m.t.Errorf("%d: not found, though it is there in version %d", i, s.Version)
	case err != nil && !errors.Is(err, databroker.ErrNotFound) && !errors.Is(err, databroker.ErrUnavailable):
		m.t.Errorf("%d: %v", i, err)
	case errors.Is(err, databroker.ErrUnavailable) && well:
		m.t.Errorf("%d: %v, though the network is well", i, err)
	}
}
