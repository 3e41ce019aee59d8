package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// measureStarts measures the time from the start of the program to the first
// answer of an application behind it.
func measureStarts(ctx context.Context, w *world, out io.Writer) error {
	var first, later []float64
	for i := range w.settings.starts {
		w.say("start %d of %d", i+1, w.settings.starts)
		site, err := w.newSite(ctx, fmt.Sprintf("start-%d", i), w.openRoute())
		if err != nil {
			return err
		}
		cache := filepath.Join(w.dir, fmt.Sprintf("cache-%d", i))
		for _, took := range []*[]float64{&first, &later} {
			d, err := w.startOnce(ctx, site, cache)
			if err != nil {
				return err
			}
			*took = append(*took, d.Seconds())
		}
	}
	_, err := fmt.Fprintf(out, `
| start to first answer, median of %d | s |
|---|---:|
| the first one: keys and store to make, Envoy to unpack | %.2f |
| later ones | %.2f |
`, w.settings.starts, median(first), median(later))
	return err
}

// openRoute is one that asks nobody who they are.
func (w *world) openRoute() string {
	return fmt.Sprintf("routes: [{from: https://open.%s, to: http://%s, allow_public_unauthenticated_access: true}]\n",
		domain, loopback(w.upstreamPort))
}

// startOnce starts the program with that cache folder, waits for an answer, and
// ends it.
func (w *world) startOnce(ctx context.Context, s *site, cache string) (time.Duration, error) {
	began := time.Now()
	if err := w.run(ctx, s, nil, "XDG_CACHE_HOME="+cache); err != nil {
		return 0, err
	}
	defer s.stop()
	if err := w.answers(ctx, s, "open."+domain, "/"); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}
