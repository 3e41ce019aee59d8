package databroker_test

import (
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/databroker"
)

func TestTouchesAreSeenByOtherViews(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{TouchEvery: 15 * time.Second})
		other := b.runView(databroker.ViewOptions{TouchEvery: 15 * time.Second})
		settle(t, v)
		s := putSession(t, b.client, session("s1"))
		last, err := v.LastAccess(t.Context(), "s1")
		if err != nil || !last.IsZero() {
			t.Errorf("LastAccess before any = %v, %v", last, err)
		}
		v.Touch("unknown")
		begun := time.Now()
		for range 60 {
			look(t, v, "s1", 1)
			v.Touch("s1")
			time.Sleep(time.Second)
		}
		if last, err = v.LastAccess(t.Context(), "s1"); err != nil || last.Before(begun.Add(45*time.Second)) {
			t.Errorf("LastAccess = %v after the start, %v", last.Sub(begun), err)
		}
		time.Sleep(time.Hour)
		look(t, other, "s1", 1)
		seen, err := other.LastAccess(t.Context(), "s1")
		if err != nil || !seen.Equal(last) {
			t.Errorf("another view says %v after the start, %v", seen.Sub(begun), err)
		}
		if s.Idle(seen, time.Now(), 2*time.Hour) || !s.Idle(seen, time.Now(), time.Hour) {
			t.Error("Idle and LastAccess disagree")
		}
		if records := entries(t, b.store); len(records) != 2 {
			t.Errorf("%d records, want the session and its last access", len(records))
		}
		if got := look(t, other, "s1", 1); got.Version != 1 {
			t.Error("touching a session changed its record")
		}
	})
}

func TestTouchesOutliveTheViewAndABrokerThatIsAway(t *testing.T) {
	bubble(t, func(t *testing.T, b *broker) {
		v := b.runView(databroker.ViewOptions{})
		settle(t, v)
		putSession(t, b.client, session("s1"))
		look(t, v, "s1", 1)
		b.network.cut()
		v.Touch("s1")
		touched := time.Now()
		time.Sleep(40 * time.Second)
		b.network.heal()
		time.Sleep(10 * time.Second)
		fresh := b.runView(databroker.ViewOptions{})
		if last, err := fresh.LastAccess(t.Context(), "s1"); err != nil || !last.Equal(touched) {
			t.Errorf("LastAccess = %v after the touch, %v", last.Sub(touched), err)
		}
	})
}
