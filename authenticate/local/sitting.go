package local

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// A sitting is one person signed in here with one browser. It spares the second
// password, and everything that the first one opened hangs on it.
type sitting struct {
	Sub      string `json:"u"`
	Epoch    string `json:"e"`
	AuthTime int64  `json:"a"` // unix seconds
	Ended    bool   `json:"z,omitempty"`
}

// cookieSitting is what the cookie holds, sealed.
type cookieSitting struct {
	ID string `json:"i"`
}

// errNoSitting says that a password is needed.
var errNoSitting = errors.New("no sitting")

// The names carry the __Host- prefix: a sibling host could otherwise plant the
// cookie of its own account, and the victim would work as somebody else.
func (p *Provider) sittingCookie() string { return "__Host-" + p.o.CookieName }
func (p *Provider) formCookie() string    { return "__Host-" + p.o.CookieName + "_form" }

// sit records that the person has shown the password, and gives the browser its
// cookie. Always a new sitting: an old id, planted before, gains nothing.
func (p *Provider) sit(ctx context.Context, w http.ResponseWriter, who *person) (string, sitting, error) {
	now := p.o.Now()
	id, s := rand.Text(), sitting{Sub: who.Sub, Epoch: who.epoch, AuthTime: now.Unix()}
	// A refresh family may begin at the last moment and lives one lifetime; the
	// record must be there as long, or the end of the sitting could be missed.
	if err := p.save(ctx, typeSitting, id, s, 0, now.Add(2*p.o.Lifetime)); err != nil {
		return "", sitting{}, err
	}
	p.setCookie(w, p.sittingCookie(), p.keys.seal(sealSitting, cookieSitting{ID: id}), p.o.Lifetime)
	return id, s, nil
}

// sittingOf returns the live sitting of the browser, or errNoSitting; any other
// error is the records'.
func (p *Provider) sittingOf(r *http.Request) (string, sitting, error) {
	var c cookieSitting
	if !p.readCookie(r, p.sittingCookie(), &c) {
		return "", sitting{}, errNoSitting
	}
	s, err := p.liveSitting(r.Context(), c.ID)
	if err != nil {
		return "", sitting{}, err
	}
	if !p.o.Now().Before(time.Unix(s.AuthTime, 0).Add(p.o.Lifetime)) {
		return "", sitting{}, errNoSitting
	}
	return c.ID, s, nil
}

// liveSitting returns the sitting unless it has ended or its person is gone or
// has another password; then errNoSitting.
func (p *Provider) liveSitting(ctx context.Context, id string) (sitting, error) {
	var s sitting
	_, err := p.load(ctx, typeSitting, id, &s)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return sitting{}, errNoSitting
	case err != nil:
		return sitting{}, err
	case s.Ended || p.person(s.Sub, s.Epoch) == nil:
		return sitting{}, errNoSitting
	}
	return s, nil
}

// person returns the person of sub if the password is still that of epoch.
func (p *Provider) person(sub, epoch string) *person {
	who := p.people.Load().bySub[sub]
	if who == nil || who.epoch != epoch {
		return nil
	}
	return who
}

// endSitting voids a sitting and all that hangs on it. The record stays, marked,
// as long as a refresh token could ask for it.
func (p *Provider) endSitting(ctx context.Context, id string) error {
	for {
		var s sitting
		version, err := p.load(ctx, typeSitting, id, &s)
		switch {
		case errors.Is(err, databroker.ErrNotFound) || err == nil && s.Ended:
			return nil
		case err != nil:
			return err
		}
		s.Ended = true
		err = p.save(ctx, typeSitting, id, s, version, time.Unix(s.AuthTime, 0).Add(2*p.o.Lifetime))
		if err == nil || !errors.Is(err, databroker.ErrConflict) {
			return err
		}
	}
}

// readCookie opens a sealed cookie. Two cookies of one __Host- name cannot come
// from a browser; then neither counts.
func (p *Provider) readCookie(r *http.Request, name string, v *cookieSitting) bool {
	found := r.CookiesNamed(name)
	return len(found) == 1 && p.keys.open(sealSitting, found[0].Value, v) == nil
}

// setCookie sets a cookie of ours; no value removes it, no lifetime makes it
// last as long as the browser runs.
func (p *Provider) setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would be missing on the way in from a route host
		MaxAge:   int(lifetime / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Holds reports whether what a sitting opened is still good: its person is
// there with the same password, and it has not ended. sub and sid are those of
// the ID token. It lets authenticate void sessions when people change, without
// waiting for their next refresh; an error is no verdict.
func (p *Provider) Holds(ctx context.Context, sub, sid string) (bool, error) {
	s, err := p.liveSitting(ctx, sid)
	if errors.Is(err, errNoSitting) {
		return false, nil
	}
	return err == nil && s.Sub == sub, err
}
