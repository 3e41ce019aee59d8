package envoy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
)

// ErrRefused is in the error of an Apply that Envoy answered with no. Envoy
// goes on with what it took before.
var ErrRefused = errors.New("envoy refuses the configuration")

// ErrUnanswered is in the error of an Apply that Envoy did not answer in time.
// The configuration stays on offer and is in force once Envoy takes it.
var ErrUnanswered = errors.New("envoy has not taken the configuration yet")

// node is the one client that the library's cache knows: whoever reaches our
// private socket is our Envoy.
const node = "envoy"

// ADSOptions are the parts an ADS is built from.
type ADSOptions struct {
	Log zerolog.Logger
	// Patience is how long Apply waits for Envoy's answer; 0 means 5 s. Until
	// Envoy has taken a first configuration it has three times as long: it is
	// starting, and everything is new.
	Patience time.Duration
	// Observe, if set, is told of every answer of Envoy, also of those after
	// Apply has returned: the type of resource in a word, and the reason of a
	// refusal, "" for an acceptance. It must not block or call the ADS.
	Observe func(kind, refusal string)
}

// ADS serves Envoy its configuration over one aggregated stream of incremental
// xDS, and keeps account of what Envoy took.
//
// A change is made in two steps: first what is new, with everything old still
// there, then, once Envoy has taken that, without what is old. So no listener
// refers for a moment to a cluster that is gone. If Envoy refuses, it is given
// back what it took last, so that an Envoy that dies now comes up with that.
type ADS struct {
	options ADSOptions
	cache   cache.SnapshotCache
	turn    chan struct{} // holds one token; an Apply has it

	mu      sync.Mutex
	number  uint64       // of the last Apply
	applied *served      // what the last Apply wanted
	good    *served      // the last that Envoy took whole; nil before
	offered *served      // what the cache serves now
	recent  []*served    // the last few offered, the newest at the end
	next    *change      // under way; nil if none
	stream  uint64       // number of the newest stream
	live    bool         // whether the newest stream is still open
	acks    *acks        // of the newest stream
	unasked map[key]bool // resources of offered that Envoy does not ask for
}

// remembered is how many offers back a response on its way to Envoy may have
// been made from.
const remembered = 16

// change is an Apply under way.
type change struct {
	want *served       // what Envoy must take; after a refusal, what it took before
	err  error         // why it was refused; nil while it is not
	done chan struct{} // closed when settled; nothing changes after that
}

// NewADS returns an ADS that offers nothing until the first Apply.
func NewADS(o ADSOptions) *ADS {
	if o.Patience == 0 {
		o.Patience = 5 * time.Second
	}
	return &ADS{
		options: o,
		cache:   cache.NewSnapshotCache(true, oneNode{}, nil),
		turn:    make(chan struct{}, 1),
		acks:    newAcks(),
	}
}

// oneNode takes every client for the same.
type oneNode struct{}

func (oneNode) ID(*core.Node) string { return node }

// Register adds the service to r, which must be reachable for Envoy alone.
func (a *ADS) Register(r grpc.ServiceRegistrar) {
	discovery.RegisterAggregatedDiscoveryServiceServer(r, service{ads: a})
}

// Apply offers Envoy the resources and waits until it has taken all of them.
// The error is ErrRefused with Envoy's reason, ErrUnanswered if Envoy is away
// or slow, or ctx's. Calls take turns.
func (a *ADS) Apply(ctx context.Context, all Resources) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c, err := a.offer(all)
	if err != nil {
		return err
	}
	patience := time.NewTimer(a.patience())
	defer patience.Stop()
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	var silent map[key]bool // missing at the last look, never asked for
	for {
		select {
		case <-c.done:
			return c.err
		case <-look.C:
			silent = a.forgive(c, silent)
		case <-patience.C:
			return a.unanswered(c)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *ADS) patience() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.good == nil {
		return 3 * a.options.Patience
	}
	return a.options.Patience
}

// Status is what Envoy thinks of its configuration.
type Status struct {
	Connected bool     // Envoy's stream is open
	Current   bool     // Envoy has taken what was applied last
	Refused   []string // what it refuses, with its reasons
}

// Status tells what Envoy thinks now, for health checks and the console.
func (a *ADS) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{Connected: a.live, Refused: a.acks.refusals()}
	if a.live && a.applied != nil && a.applied == a.good {
		missing, _ := a.acks.missing(a.good, a.unasked)
		s.Current = len(missing) == 0
	}
	return s
}

// offer begins a change: everything new, and what is old besides.
func (a *ADS) offer(all Resources) (*change, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.number++
	want, err := newServed(a.number, all)
	if err != nil {
		return nil, err
	}
	c := &change{want: want, done: make(chan struct{})}
	a.applied, a.next = want, c
	if err := a.serve(want.with(a.offered)); err != nil {
		return nil, err
	}
	a.settle()
	return c, nil
}

// serve gives the library what to serve. Called with mu held. It takes no
// caller's context: half an offer, because a caller or a stream went away, is
// worth nothing, and the library's channels have room for a whole one.
func (a *ADS) serve(s *served) error {
	if s == a.offered {
		return nil
	}
	a.offered = s
	a.recent = append(a.recent[max(0, len(a.recent)-remembered+1):], s)
	if err := a.cache.SetSnapshot(context.Background(), node, s); err != nil {
		return fmt.Errorf("offer envoy a configuration: %w", err)
	}
	return nil
}

// settle ends the change under way if Envoy has said enough: yes to everything,
// or one no and then yes to what it is given back. Called with mu held.
func (a *ADS) settle() {
	c := a.next
	if c == nil || !a.live {
		return
	}
	missing, reason := a.acks.missing(c.want, a.unasked)
	switch {
	case reason != "" && c.err == nil && a.good != nil:
		c.err, c.want = fmt.Errorf("%w: %s", ErrRefused, reason), a.good
		if err := a.serve(a.good); err == nil {
			return
		}
	case reason != "":
		c.err = fmt.Errorf("%w: %s", ErrRefused, reason)
	case len(missing) > 0 || c.err != nil && a.acks.waiting():
		return
	case c.err == nil:
		a.good = c.want
		c.err = a.serve(c.want)
	}
	a.next = nil
	close(c.done)
}

// forgive stops waiting for resources that Envoy was offered twice a look and
// did not ask for: nothing it has taken refers to them.
func (a *ADS) forgive(c *change, before map[key]bool) map[key]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next != c || !a.live {
		return nil
	}
	missing, _ := a.acks.missing(c.want, a.unasked)
	never := a.acks.neverAsked(missing)
	if len(never) < len(missing) || len(never) != len(before) {
		return never
	}
	a.options.Log.Debug().Str("resources", few(missing)).Msg("envoy does not ask for some resources")
	a.unasked = merge(a.unasked, never)
	a.settle()
	return nil
}

// unanswered words an Apply whose patience is over. The change stays under way.
func (a *ADS) unanswered(c *change) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-c.done: // at the last moment
		return c.err
	default:
	}
	if c.err != nil {
		return c.err // and Envoy has not even taken what it had
	}
	if !a.live {
		return fmt.Errorf("%w: it is not connected", ErrUnanswered)
	}
	missing, _ := a.acks.missing(c.want, a.unasked)
	return fmt.Errorf("%w: %s", ErrUnanswered, few(missing))
}

// service is the gRPC face of an ADS.
type service struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	ads *ADS
}

// DeltaAggregatedResources serves one stream. Each has a library server of its
// own, so that what the library calls back is known to be of this stream.
func (s service) DeltaAggregatedResources(stream discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	ctx := stream.Context()
	listener := s.ads.open()
	return delta.NewServer(ctx, s.ads.cache, listener).DeltaStreamHandler(stream, resource.AnyType)
}
