package local

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
)

func newBody(form url.Values) io.ReadCloser { return io.NopCloser(strings.NewReader(form.Encode())) }

func TestAnUnknownEMailLooksLikeAWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bodies []string
	for _, email := range []string{"ann@example.com", "nobody@example.com"} {
		b := w.browser()
		got := b.signIn(w.attempt(), email, "wrong")
		if got.status != http.StatusForbidden {
			t.Errorf("%s: answer %d", email, got.status)
		}
		body := strings.ReplaceAll(got.body, email, "EMAIL")
		for _, values := range form(t, got.body) {
			body = strings.ReplaceAll(body, values[0], "HIDDEN")
		}
		bodies = append(bodies, body)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the pages differ:\n%s\n%s", bodies[0], bodies[1])
	}
}

func TestAnUnknownEMailCostsWhatAKnownOneDoes(t *testing.T) {
	t.Parallel()
	k, _ := newKeys([32]byte{1})
	costs := map[uint32]bool{}
	var all []*person
	for i, memory := range []uint32{minMemory, minMemory + 8, minMemory + 16} {
		h := hash{memory: memory, time: 1, threads: 1, salt: make([]byte, 16), key: make([]byte, 32)}
		all = append(all, k.newPerson(config.User{Email: strconv.Itoa(i) + "@example.com"}, h))
	}
	p := newPeople(all)
	for i := range 100 {
		email := strconv.Itoa(i) + "@stranger.example"
		costs[p.decoy(k, email).memory] = true
		if first, second := p.decoy(k, email).memory, p.decoy(k, email).memory; first != second {
			t.Error("one e-mail has two costs")
		}
	}
	if len(costs) != 3 {
		t.Errorf("the decoys have the costs %v, want those of the people", costs)
	}
	if newPeople(nil).decoy(k, "x").memory != hashMemory {
		t.Error("without people a guess costs something else")
	}
}

func TestGuessesAtAnAccountAreSlowedDown(t *testing.T) {
	t.Parallel()
	for _, email := range []string{"ann@example.com", "nobody@example.com", "no address at all"} {
		t.Run(email, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stopClock()
			guess := func(n int, password string) answer {
				b := w.browser()
				b.header.Set("X-Test-From", "192.0.2."+strconv.Itoa(n)) // a botnet
				return b.signIn(w.attempt(), email, password)
			}
			for n := range accountLimit.free + 1 {
				if got := guess(n, "wrong"); got.status != http.StatusForbidden {
					t.Fatalf("guess %d: answer %d", n, got.status)
				}
			}
			got := guess(50, annPassword)
			if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "1" {
				t.Errorf("answer %d, Retry-After %q, want to wait a second even with the right password", got.status, got.header.Get("Retry-After"))
			}
			w.pass(accountLimit.most)
			want := http.StatusForbidden
			if email == "ann@example.com" {
				want = http.StatusSeeOther
			}
			if got := guess(51, annPassword); got.status != want {
				t.Errorf("after the wait: answer %d, want %d", got.status, want)
			}
		})
	}
}

func TestGuessesFromOneAddressAreSlowedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stopClock()
	b := w.browser()
	for n := range addressLimit.free + 1 {
		if got := b.signIn(w.attempt(), strconv.Itoa(n)+"@example.com", "wrong"); got.status != http.StatusForbidden {
			t.Fatalf("guess %d: answer %d", n, got.status)
		}
	}
	if got := b.signIn(w.attempt(), "ann@example.com", annPassword); got.status != http.StatusTooManyRequests {
		t.Errorf("answer %d, want to wait", got.status)
	}
	other := w.browser()
	other.header.Set("X-Test-From", "198.51.100.1")
	if got := other.signIn(w.attempt(), "ann@example.com", annPassword); got.status != http.StatusSeeOther {
		t.Errorf("from elsewhere: answer %d", got.status)
	}
}

func TestAHundredGuessesAtOneMomentAreAHundred(t *testing.T) {
	t.Parallel()
	now := time.Now()
	th := newThrottle(accountLimit, func() time.Time { return now })
	var allowed int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if th.take("ann") == 0 {
				mu.Lock()
				defer mu.Unlock()
				allowed++
			}
		})
	}
	group.Wait()
	if allowed != accountLimit.free+1 {
		t.Errorf("%d guesses at once, want %d", allowed, accountLimit.free+1)
	}
}

func TestTheWaitGrowsFadesAndHasAnEnd(t *testing.T) {
	t.Parallel()
	now := time.Now()
	th := newThrottle(limit{free: 1, first: time.Second, most: 10 * time.Second, fade: time.Minute}, func() time.Time { return now })
	for n, want := range []time.Duration{0, 1, 2, 4, 8, 10, 10, 10} {
		if wait := th.take("ann"); wait > 0 {
			t.Fatalf("guess %d after its wait has to wait %v", n, wait)
		}
		wait := max(0, th.byKey["ann"].Value.(*counter).until.Sub(now))
		if wait != want*time.Second {
			t.Errorf("after failure %d the wait is %v, want %v", n+1, wait, want*time.Second)
		}
		now = now.Add(wait)
	}
	now = now.Add(time.Hour)
	if first, second := th.take("ann"), th.take("ann"); first > 0 || second > 0 {
		t.Error("an hour later nothing is forgiven")
	}
}

func TestTheThrottleForgetsTheOldestFirst(t *testing.T) {
	t.Parallel()
	th := newThrottle(accountLimit, time.Now)
	for n := range maxCounters + 100 {
		th.take(strconv.Itoa(n))
	}
	if len(th.byKey) != maxCounters || th.recent.Len() != maxCounters {
		t.Errorf("%d counters", len(th.byKey))
	}
	if _, ok := th.byKey["0"]; ok {
		t.Error("the oldest is still there")
	}
}

func TestAnIPv6HouseholdIsOneAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"2001:db8::1", "2001:db8::ffff:1", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
		{"", "unix", false},
	} {
		if got := network(tc.a) == network(tc.b); got != tc.same {
			t.Errorf("%q and %q: same %v", tc.a, tc.b, got)
		}
	}
}

func TestTheGateTurnsAwayWhoWouldWaitTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range atOnce {
		if err := w.p.gate.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.p.gate.waiting.Add(mayWait)
	got := w.browser().signIn(w.attempt(), "ann@example.com", annPassword)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, `type="password"`) {
		t.Errorf("answer %d, want the form and 503", got.status)
	}
	w.p.gate.waiting.Add(-mayWait)
	w.p.gate.leave()
	if got := w.browser().signIn(w.attempt(), "ann@example.com", annPassword); got.status != http.StatusSeeOther {
		t.Errorf("when there is room: answer %d", got.status)
	}
}

func TestWhoLeavesTheQueueDoesNotHoldAPlace(t *testing.T) {
	t.Parallel()
	g := newGate()
	for range atOnce {
		_ = g.enter(t.Context())
	}
	ctx, cancel := contextWithCancel(t)
	done := make(chan error)
	go func() { done <- g.enter(ctx) }()
	cancel()
	if err := <-done; err == nil {
		t.Error("entered a full gate")
	}
	if n := g.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}
