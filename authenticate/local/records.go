package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// Records is the part of the databroker's client that the provider keeps its
// own things with. It writes for people who have shown a password, never for a
// stranger. *databroker.Client implements it; the errors are its sentinels.
type Records interface {
	GetJSON(ctx context.Context, typ, id string, value any) (version uint64, err error)
	PutJSON(ctx context.Context, typ, id string, value any, o databroker.PutOptions) (version uint64, err error)
	Remove(ctx context.Context, typ, id string) error
	UseOnce(ctx context.Context, purpose, id string, until time.Time) error
}

// The types of our records. Nobody watches them, so they stay out of the feed.
const (
	typeSitting = "local_sitting"
	typeFamily  = "local_family"
	typeMade    = databroker.TypeLocalPassword
	useCode     = "local_code"
)

// load reads a record into v.
func (p *Provider) load(ctx context.Context, typ, id string, v any) (version uint64, err error) {
	version, err = p.o.Records.GetJSON(ctx, typ, id, v)
	return version, noteOutage(ctx, err)
}

// save writes v when the stored version is expected (0: there is none), else it
// returns databroker.ErrConflict. A zero expires means never.
func (p *Provider) save(ctx context.Context, typ, id string, v any, expected uint64, expires time.Time) error {
	_, err := p.o.Records.PutJSON(ctx, typ, id, v, databroker.PutOptions{Expected: expected, ExpiresAt: expires, Quiet: true})
	return noteOutage(ctx, err)
}

// remove deletes a record; one that is absent is no error.
func (p *Provider) remove(ctx context.Context, typ, id string) error {
	return noteOutage(ctx, p.o.Records.Remove(ctx, typ, id))
}

// outage is where a request keeps that the records could not be asked. The
// protocol library turns every error on a refresh token into invalid_grant,
// which tells the client to throw its session away; the token endpoint looks
// here and says "later" instead.
type outage struct{ err error }

type outageKey struct{}

// withOutage gives the request a place for noteOutage.
func withOutage(ctx context.Context) (context.Context, *outage) {
	o := new(outage)
	return context.WithValue(ctx, outageKey{}, o), o
}

// noteOutage remembers err in the request unless it is an answer.
func noteOutage(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, databroker.ErrNotFound) || errors.Is(err, databroker.ErrConflict) || errors.Is(err, databroker.ErrUsed) {
		return err
	}
	if o, ok := ctx.Value(outageKey{}).(*outage); ok && o.err == nil {
		o.err = err
	}
	return fmt.Errorf("records: %w", err)
}
