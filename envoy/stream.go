package envoy

import (
	"context"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// open begins the account of a new stream. An Envoy that was restarted, or
// whose connection broke, opens a new one; only the newest counts.
func (a *ADS) open() *stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stream++
	a.live = true
	a.acks = newAcks()
	// A new process may ask for what the one before it did not.
	a.unasked = nil
	return &stream{ads: a, number: a.stream}
}

// stream hears for one stream what the library's server sees.
type stream struct {
	ads    *ADS
	number uint64
}

// current runs f with the ADS locked, if this stream is the newest.
func (s *stream) current(f func(a *ADS)) {
	s.ads.mu.Lock()
	defer s.ads.mu.Unlock()
	if s.number == s.ads.stream {
		f(s.ads)
	}
}

func (s *stream) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

func (s *stream) OnDeltaStreamClosed(int64, *core.Node) {
	s.current(func(a *ADS) { a.live = false })
}

// OnStreamDeltaResponse is called before a response leaves. The library writes
// its own hash as each resource's version; ours stands there instead, so that a
// client that comes back names the versions we know. The response may be older
// than what is offered now, so it is looked up by the offer it was made from.
func (s *stream) OnStreamDeltaResponse(_ int64, _ *discovery.DeltaDiscoveryRequest, response *discovery.DeltaDiscoveryResponse) {
	s.current(func(a *ADS) {
		for _, offer := range a.recent {
			if offer.version != response.GetSystemVersionInfo() {
				continue
			}
			versions := offer.versions[response.GetTypeUrl()]
			for _, r := range response.GetResources() {
				r.Version = versions[r.GetName()]
			}
		}
		a.acks.sent(response)
	})
}

// OnStreamDeltaRequest is called for what Envoy says: it wants something, it
// took something, or it refuses.
func (s *stream) OnStreamDeltaRequest(_ int64, request *discovery.DeltaDiscoveryRequest) error {
	s.current(func(a *ADS) {
		answers, reason := a.acks.heard(request)
		if answers && a.options.Observe != nil {
			a.options.Observe(kind(request.GetTypeUrl()), reason)
		}
		if reason != "" && a.next == nil {
			// Nobody waits for this answer.
			a.options.Log.Error().Str("kind", kind(request.GetTypeUrl())).Str("reason", reason).
				Msg("envoy refuses configuration")
		}
		a.settle()
	})
	return nil
}
