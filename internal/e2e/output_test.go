package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait. It is long because the machine may be busy with
// other tests; nothing takes that long when all is well.
const patience = 40 * time.Second

// An output collects what a process writes, and lets a test wait for a line.
type output struct {
	mu    sync.Mutex
	lines []string
	rest  string        // of a line that has not ended yet
	more  chan struct{} // closed when a line comes
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest += string(p)
	for {
		line, rest, ended := strings.Cut(o.rest, "\n")
		if !ended {
			return len(p), nil
		}
		o.rest = rest
		o.lines = append(o.lines, line)
		close(o.more)
		o.more = make(chan struct{})
	}
}

// mark is a place in the output; lines before it are not looked at again.
func (o *output) mark() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.lines)
}

func (o *output) since(from int) ([]string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.lines[min(from, len(o.lines)):]), o.more
}

// text is everything written so far.
func (o *output) text() string {
	lines, _ := o.since(0)
	return strings.Join(lines, "\n")
}

// await returns the first line behind from that match takes. ended, if not nil,
// is closed when no more lines will come.
func (o *output) await(t testing.TB, from int, what string, ended <-chan struct{}, match func(string) bool) string {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for over := false; ; {
		lines, more := o.since(from)
		if i := slices.IndexFunc(lines, match); i >= 0 {
			return lines[i]
		}
		if over {
			t.Fatalf("ended without %s:\n%s", what, o.text())
		}
		select {
		case <-more:
		case <-ended:
			over = true // one last look
		case <-limit.C:
			t.Fatalf("no %s within %v:\n%s", what, patience, o.text())
		}
	}
}

// A logLine is one line of JSON.
type logLine map[string]any

func parseLog(line string) logLine {
	var l logLine
	if json.Unmarshal([]byte(line), &l) != nil {
		return nil
	}
	return l
}

// text returns a field as text, "" when it is absent or something else.
func (l logLine) text(field string) string {
	s, _ := l[field].(string)
	return s
}

// awaitLog returns the first JSON line behind from whose fields have the values
// of want, given as name, value, name, value.
func (o *output) awaitLog(t testing.TB, from int, ended <-chan struct{}, want ...string) logLine {
	t.Helper()
	return parseLog(o.await(t, from, "log line with "+strings.Join(want, " "), ended, func(line string) bool {
		l := parseLog(line)
		for i := 0; i < len(want); i += 2 {
			if l.text(want[i]) != want[i+1] {
				return false
			}
		}
		return l != nil
	}))
}

// eventually asks again until try has nothing to complain about.
func eventually(t testing.TB, limit time.Duration, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		<-tick.C
	}
}

// shorten keeps what a message needs.
func shorten(text string) string {
	if len(text) > 1500 {
		return text[:1500] + "..."
	}
	return text
}
