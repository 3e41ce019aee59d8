package envoy

import (
	"context"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	// termTime is how long Envoy may take to end when asked to.
	termTime = 5 * time.Second
	// drainPoll is how often we look whether the last request has ended.
	drainPoll = 50 * time.Millisecond
)

// drain ends Envoy and returns when it has ended: it tells clients to leave
// (Connection: close, GOAWAY), waits for the requests under way, at most
// Options.DrainTime, closes the listeners, then asks Envoy to end, and kills it
// if it does not.
func (p *Process) drain(ctx context.Context, child *os.Process, ended <-chan error) error {
	p.log.Info().Msg("envoy is draining")
	if err, done := p.quiet(ctx, ended); done {
		return err
	}
	if err := child.Signal(syscall.SIGTERM); err != nil {
		return <-ended // it was faster
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(termTime):
	}
	p.log.Warn().Msg("envoy does not end, killing it")
	if err := child.Kill(); err != nil {
		p.log.Debug().Err(err).Msg("kill envoy")
	}
	return <-ended
}

// quiet waits until no request is under way or the time is over. done says
// that Envoy has ended meanwhile, and err why.
func (p *Process) quiet(ctx context.Context, ended <-chan error) (err error, done bool) {
	ctx, cancel := context.WithTimeout(ctx, p.options.DrainTime)
	defer cancel()
	// One that has no configuration yet, or does not answer, has nothing to
	// drain: whatever fails here only makes the end less gentle.
	for _, path := range []string{"/healthcheck/fail", "/drain_listeners?graceful"} {
		if p.admin.ask(ctx, http.MethodPost, path, io.Discard) != nil {
			return nil, false
		}
	}
	// The listeners still accept while clients are told to leave. Once idle
	// they are closed, so that nobody gets in and is cut off.
	if err, done := p.idle(ctx, ended); done || ctx.Err() != nil {
		return err, done
	}
	if p.admin.ask(ctx, http.MethodPost, "/drain_listeners", io.Discard) != nil {
		return nil, false
	}
	return p.idle(ctx, ended)
}

// idle waits until Envoy counts no request, does not answer, or ctx ends.
func (p *Process) idle(ctx context.Context, ended <-chan error) (err error, done bool) {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		if n, err := p.admin.busy(ctx); err != nil || n == 0 {
			return nil, false
		}
		select {
		case err := <-ended:
			return err, true
		case <-ctx.Done():
			p.log.Warn().Msg("requests under way are cut off")
			return nil, false
		case <-tick.C:
		}
	}
}
