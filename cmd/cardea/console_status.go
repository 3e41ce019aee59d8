package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// statusPatience bounds what the other parts are asked.
const statusPatience = 2 * time.Second

// Status is that of console.Instance.
func (h insight) Status(ctx context.Context) *consolepb.GetStatusResponse {
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	out := &consolepb.GetStatusResponse{Version: version, StartedAt: timestamppb.New(h.started), Envoy: h.envoyState(ctx), Recording: h.recording()}
	out.Instance, _ = os.Hostname() // "" is shown as nothing
	out.Instance = policy.Visible(out.Instance)
	streams := h.authorize.LeashStats()
	out.Streams = &consolepb.Streams{Open: int32(streams.Open), Begun: streams.Opened, Ended: streams.Ended}
	_, err := h.store.Position(ctx)
	out.StoreAnswers = err == nil
	if now := h.reloader.active.Load(); now != nil {
		out.Generation, out.Routes = now.config.Generation, int32(len(now.config.Routes))
		out.Files = allVisible(now.config.Files)
		out.Certificates = certificatesOf(now.certificates, len(now.config.Certificates) == 0)
	}
	if last := h.reloader.last.Load(); last != nil {
		out.LastReload = &consolepb.Reload{At: timestamppb.New(last.at), Taken: len(last.problems) == 0, Errors: last.problems}
	}
	return out
}

func (h insight) envoyState(ctx context.Context) *consolepb.Envoy {
	out := &consolepb.Envoy{Answers: h.envoy.Healthy(ctx), Restarts: h.envoy.Restarts()}
	if refused := h.ads.Status().Refused; len(refused) > 0 {
		out.Refusal = policy.Visible(refused[0])
	}
	return out
}

func (h insight) recording() *consolepb.Recording {
	if h.journal == nil {
		return &consolepb.Recording{}
	}
	s := h.journal.Stats()
	out := &consolepb.Recording{On: true, Entries: s.Entries, Bytes: s.Bytes, Dropped: s.Dropped}
	if !s.Oldest.IsZero() {
		out.Oldest = timestamppb.New(s.Oldest)
	}
	return out
}

// certificatesOf lists those of the listeners, the first to expire first.
func certificatesOf(all []*config.Certificate, renewed bool) []*consolepb.Certificate {
	var out []*consolepb.Certificate
	for _, c := range all {
		if c.Leaf == nil {
			continue
		}
		names := allVisible(c.Leaf.DNSNames)
		for _, ip := range c.Leaf.IPAddresses {
			names = append(names, ip.String())
		}
		if len(names) == 0 {
			names = []string{policy.Visible(c.Leaf.Subject.CommonName)}
		}
		out = append(out, &consolepb.Certificate{Names: names, ExpiresAt: timestamppb.New(c.Leaf.NotAfter), Renewed: renewed})
	}
	slices.SortStableFunc(out, func(a, b *consolepb.Certificate) int {
		return cmp.Compare(a.ExpiresAt.GetSeconds(), b.ExpiresAt.GetSeconds())
	})
	return out
}
