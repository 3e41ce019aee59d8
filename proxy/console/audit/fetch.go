package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/databroker"
	"golang.org/x/sync/errgroup"
)

const (
	listFrom = 500  // entries from which on a list of all is cheaper than reading each
	listPage = 1000 // records of a page of it
	fetchers = 8    // reads at once
)

// fetch reads the entries from first to last and calls keep with each, or with
// what is wrong with it: databroker.ErrNotFound or ErrBroken. keep is called
// once for each number, in no order, and from several goroutines. The error is
// that of reading at all.
func fetch(ctx context.Context, b Broker, first, last uint64, keep func(n uint64, e *Entry, err error)) error {
	if last < first {
		return nil
	}
	known := make([]bool, last-first+1)
	if len(known) > listFrom {
		err := list(ctx, b, func(r *databroker.Record) {
			if n := sequenceOf(r.ID); n >= first && n <= last {
				e, err := entryOf(r, n)
				keep(n, &e, err)
				known[n-first] = true
			}
		})
		// What does not open ends a list: reading one by one says which it is.
		if err != nil && !errors.Is(err, databroker.ErrTampered) {
			return err
		}
	}
	g, reading := errgroup.WithContext(ctx)
	g.SetLimit(fetchers)
	for i, done := range known {
		if done {
			continue
		}
		if reading.Err() != nil {
			break
		}
		g.Go(func() error {
			n := first + uint64(i)
			e, err := readEntry(reading, b, n)
			if err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, databroker.ErrNotFound) {
				return err
			}
			keep(n, &e, err)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// list calls each with every record of an entry, in no order that means anything.
func list(ctx context.Context, b Broker, each func(*databroker.Record)) error {
	var after []byte
	for more := true; more; more = len(after) > 0 {
		page, err := b.List(ctx, typeEntry, listPage, after)
		if err != nil {
			return fmt.Errorf("list the audit: %w", err)
		}
		for _, r := range page.Records {
			each(r)
		}
		after = page.Next
	}
	return nil
}
