package authorize

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// lines gathers whole lines and writes them in big pieces, so that a decision
// does not wait for the log. What was added is written within flushEvery.
type lines struct {
	out  io.Writer
	full chan struct{}

	mu      sync.Mutex
	pending []byte
	spare   []byte // the space of the piece before
	lost    uint64
	direct  bool // nobody flushes any more: write at once

	writing sync.Mutex // keeps pieces in order
}

const (
	flushEvery = 50 * time.Millisecond
	flushSize  = 64 << 10 // bytes after which nobody waits for the clock
	// spareMax bounds the space that is kept for the next lines, in bytes.
	spareMax = 1 << 20
	// pendingMax bounds what waits for a reader that does not read, in bytes.
	// What is beyond is counted and lost: the house keeps running, and the log
	// says how many decisions it does not show.
	pendingMax = 8 << 20
)

func newLines(out io.Writer) *lines {
	return &lines{out: out, full: make(chan struct{}, 1)}
}

// add takes a copy of line, which ends in a line break.
func (l *lines) add(line []byte) {
	l.mu.Lock()
	if len(l.pending)+len(line) > pendingMax {
		l.lost++
		l.mu.Unlock()
		return
	}
	l.pending = append(l.pending, line...)
	size, direct := len(l.pending), l.direct
	l.mu.Unlock()
	switch {
	case direct:
		l.flush()
	case size >= flushSize:
		select {
		case l.full <- struct{}{}:
		default: // the flusher knows already
		}
	}
}

// run writes until ctx ends, and then what is left. Lines that come later still
// are written as they come.
func (l *lines) run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-l.full:
			l.flush()
		case <-ctx.Done():
			l.mu.Lock()
			l.direct = true
			l.mu.Unlock()
			l.flush()
			return
		}
	}
}

func (l *lines) flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	piece, lost := l.pending, l.lost
	l.pending, l.spare, l.lost = l.spare[:0], nil, 0
	l.mu.Unlock()
	if lost > 0 {
		piece = fmt.Appendf(piece, `{"level":"warn","service":"authorize","lost":%d,"message":"authorize checks not logged: nobody reads the log"}`+"\n", lost)
	}
	if len(piece) == 0 {
		return
	}
	// There is no other place to say that the log cannot be written.
	_, _ = l.out.Write(piece)
	l.mu.Lock()
	if cap(piece) <= spareMax {
		l.spare = piece
	}
	l.mu.Unlock()
}
