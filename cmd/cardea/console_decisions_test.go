package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console"
)

func TestFollowersHearOrCountWhatTheyMiss(t *testing.T) {
	t.Parallel()
	d := &decisions{tail: new(tail)}
	d.tail.add(&journal.Entry{RequestID: "before"}) // to nobody
	f, err := d.Follow()
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	who := &journal.Person{Data: func() ([]byte, error) {
		made++
		return json.Marshal(policy.PersonData{UserID: "u", Email: "ada\n@example.com"})
	}}
	for i := range maxWaiting + 3 {
		d.tail.add(&journal.Entry{RequestID: fmt.Sprint(i), Person: who, Outcome: "deny", DenyReasons: []string{"a", "a"}, RawQuery: "token=secret", ImpersonatedBy: "root\x1b"})
	}
	var missed uint64
	for i := range maxWaiting {
		one, lost, err := f.Next(t.Context())
		if err != nil || one.RequestId != fmt.Sprint(i) || one.UserId != "u" || one.Email != `ada\n@example.com` || one.ImpersonatedBy != `root\x1b` || len(one.Reasons) != 1 {
			t.Fatalf("%v, %v", one, err)
		}
		if strings.Contains(one.String(), "secret") {
			t.Fatal("the query is shown")
		}
		missed += lost
	}
	if missed != 3 || made != 1 {
		t.Errorf("%d missed, the person made %d times", missed, made)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	f.Close()
	f.Close()
	if d.tail.listening.Load() != 0 || len(d.tail.all) != 0 {
		t.Error("somebody still listens")
	}
}

func TestFollowersAreBounded(t *testing.T) {
	t.Parallel()
	d := &decisions{tail: new(tail)}
	for range maxFollowers {
		if _, err := d.Follow(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Follow(); !errors.Is(err, console.ErrConflict) {
		t.Error(err)
	}
}

func TestTheLastReloadIsRemembered(t *testing.T) {
	t.Parallel()
	r := new(reloader)
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {fmt.Errorf("offer: %w", envoy.ErrUnanswered), 0}, {errors.New("one\ntwo"), 2},
		{config.Errors{{File: "a.yaml", Line: 3, Key: "to"}, {File: "a.yaml", Line: 4, Key: "\x1b[2J"}}, 2},
	} {
		r.note(tc.err)
		got := r.last.Load()
		if len(got.problems) != tc.want || got.at.IsZero() || strings.Contains(fmt.Sprint(got.problems), "\x1b") {
			t.Errorf("%v: %+v", tc.err, got)
		}
	}
}

// TestReplayEndsInTime: what is not read by the deadline is left out, and said.
func TestReplayEndsInTime(t *testing.T) {
	t.Parallel()
	j, err := journal.Open(journal.Options{Dir: t.TempDir(), Key: journalKey([]byte("secret")), MaxBytes: journal.MinBytes, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range 3 {
		j.Add(&journal.Entry{RequestID: fmt.Sprint(i), Time: now.Add(time.Duration(i-3) * time.Minute)})
	}
	h := insight{&house{journal: j}}
	for _, tc := range []struct {
		patience time.Duration
		since    time.Duration
		want     int
		whole    bool
	}{{time.Hour, time.Hour, 3, true}, {time.Hour, 90 * time.Second, 1, true}, {spare / 2, time.Hour, 0, false}} {
		ctx, cancel := context.WithTimeout(t.Context(), tc.patience)
		whole, n := true, 0
		for range h.recent(ctx, now.Add(-tc.since), &whole) {
			n++
		}
		cancel()
		if n != tc.want || whole != tc.whole {
			t.Errorf("%+v: %d, whole %t", tc, n, whole)
		}
	}
}
