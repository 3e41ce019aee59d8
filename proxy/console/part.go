package console

import (
	"context"
	"time"
)

const (
	// partAfter is how long the session of who ends it themselves goes on, so that
	// the answer still reaches them: with a session end the streams that it has
	// opened. It is well under the second in which a revocation is in force.
	partAfter = 250 * time.Millisecond
	// partPatience bounds the write itself.
	partPatience = 5 * time.Second
)

// part ends the actor's own session after the answer. It happens also when the
// caller is gone by then, and at once when the program ends.
func (s *Service) part(ctx context.Context, session string) {
	ctx = context.WithoutCancel(ctx)
	s.parting.Go(func() {
		wait := time.NewTimer(partAfter)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-s.ending:
		}
		ctx, cancel := context.WithTimeout(ctx, partPatience)
		defer cancel()
		if err := s.o.Broker.DeleteSession(ctx, session); err != nil {
			s.o.Log.Error().Err(err).Str("session_id", session).Msg("session that its owner has ended goes on")
		}
	})
}
