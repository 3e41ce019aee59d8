package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

// ErrNothingToMend is returned by Mend where entries can be appended.
var ErrNothingToMend = errors.New("audit: there is nothing to mend: the head is in order, and entries can be appended")

// Mend makes it possible to append again where ErrBroken said that it is not:
// it signs a head for the last entry that can be read, and appends e behind it,
// over what lies there, with what was wrong as a detail. It repairs nothing else:
// what Verify found before is found after it. Nobody else may have the store
// open.
func (l *Log) Mend(ctx context.Context, e Entry) (Entry, error) {
	before, err := readHead(ctx, l.o.Broker)
	if err != nil && !errors.Is(err, ErrBroken) {
		return Entry{}, err
	}
	if err == nil {
		err = l.appendable(ctx)
	}
	switch {
	case err == nil:
		return Entry{}, ErrNothingToMend
	case !errors.Is(err, ErrBroken):
		return Entry{}, err
	}
	details := map[string]string{"problem": err.Error(), "head_before": before.String()}
	maps.Copy(details, e.Details)
	e.Details = details
	last, place, err := l.lastOf(ctx)
	if err != nil {
		return Entry{}, err
	}
	e.Time = l.o.Now()
	e = e.clip()
	e.Sequence, e.Previous = place+1, last
	e.Hash = e.sum()
	// The entry first, as ever: a head without it would be one more thing to mend.
	_, err = l.o.Broker.Put(ctx, databroker.Write{Type: typeEntry, ID: entryID(e.Sequence), Data: e.record()})
	if err != nil {
		return Entry{}, fmt.Errorf("mend the audit: %w", err)
	}
	h := Head{Sequence: e.Sequence, Hash: e.Hash, Time: l.o.Now().UTC().Truncate(time.Millisecond)}
	h.sign(l.o.Key)
	_, err = l.o.Broker.Put(ctx, databroker.Write{Type: typeHead, ID: headID, Data: h.record(), Overwrite: true})
	if err != nil {
		return Entry{}, fmt.Errorf("mend the audit: %w", err)
	}
	l.mu.Lock()
	l.seen = h
	l.mu.Unlock()
	logHead(l.o.Log, h)
	return e, nil
}

// appendable is ErrBroken where an append would say so.
func (l *Log) appendable(ctx context.Context) error {
	h, err := l.Head(ctx)
	if err != nil {
		return err
	}
	if _, err = l.ahead(ctx, h); errors.Is(err, databroker.ErrNotFound) {
		return nil
	}
	return err
}

// lastOf is the hash of the last entry that can be read, and the last place that
// is taken by anything.
func (l *Log) lastOf(ctx context.Context) (last Hash, place uint64, err error) {
	for line, err := range l.Export(ctx) {
		switch {
		case err != nil:
			return Hash{}, 0, err
		case line.Entry != nil:
			last, place = line.Entry.Hash, line.Entry.Sequence
		case line.Problem != nil:
			place = max(place, line.Problem.Sequence)
		}
	}
	return last, place, nil
}
