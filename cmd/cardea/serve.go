package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// startPatience is how long Envoy may take to serve a first configuration.
const startPatience = 60 * time.Second

const (
	// decisionWorkers are goroutines that answer Envoy and keep their stacks.
	// When all are busy, as many more as are needed come and go.
	decisionWorkers = 32
	// decisionWindow is how much Envoy may send ahead, in bytes.
	decisionWindow = 16 << 20
)

// serve runs until SIGTERM or SIGINT, or until a part fails. Envoy goes first:
// it drains what is under way while everything it asks still answers.
func serve(ctx context.Context, from config.Source, t terminal) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// From the first moment on: unheard, SIGHUP ends a process.
	reread := make(chan os.Signal, 1)
	signal.Notify(reread, syscall.SIGHUP)
	defer signal.Stop(reread)
	cfg, err := from.Load(ctx)
	if err != nil {
		return err
	}
	out := zerolog.SyncWriter(t.out)
	log := newLogger(out, cfg.LogLevel)
	for _, w := range cfg.Warnings {
		log.Warn().Str("file", w.File).Int("line", w.Line).Str("key", w.Key).Str("problem", w.Error()).Msg("configuration remark")
	}
	h, err := newHouse(ctx, cfg, log, out)
	if err != nil {
		return err
	}
	defer h.close()
	return h.run(ctx, cfg, from, reread, t)
}

func newLogger(out io.Writer, level config.LogLevel) zerolog.Logger {
	parsed, err := zerolog.ParseLevel(string(level))
	if err != nil {
		parsed = zerolog.InfoLevel // the loader has checked it
	}
	return zerolog.New(out).Level(parsed).With().Timestamp().Logger()
}

// run starts everything, and ends when ctx does or a part fails.
func (h *house) run(ctx context.Context, cfg *config.Config, from config.Source, reread <-chan os.Signal, t terminal) error {
	// The parts outlive ctx: they end when Envoy has.
	inner, stopParts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopParts()
	g, inner := errgroup.WithContext(inner)
	last, stopBroker := context.WithCancel(context.WithoutCancel(inner))
	defer stopBroker()
	if err := h.listen(inner, last, g, cfg); err != nil {
		stopParts()
		stopBroker()
		return errors.Join(err, g.Wait())
	}
	g.Go(func() error { return h.broker.Run(last) })
	if h.journal != nil {
		g.Go(func() error { return h.journal.Run(inner) })
	}
	// These write to the broker until they end: the view which sessions were in
	// use, authenticate the tokens of a refresh under way.
	var writers sync.WaitGroup
	for _, part := range []interface{ Run(context.Context) error }{h.authorize, h.authenticate, h.view, h.consoleService} {
		writers.Add(1)
		g.Go(func() error {
			defer writers.Done()
			return part.Run(inner)
		})
	}
	g.Go(func() error {
		writers.Wait()
		stopBroker()
		return nil
	})
	if cfg.HasConsole() {
		g.Go(func() error {
			if err := h.audit.Warm(inner); err != nil && inner.Err() == nil {
				h.log.Warn().Err(err).Msg("the audit cannot be read yet")
			}
			return nil
		})
	}
	outer, stopEnvoy := context.WithCancel(inner)
	defer context.AfterFunc(ctx, stopEnvoy)()
	started := make(chan struct{})
	g.Go(func() error {
		defer stopParts()
		select {
		case <-started:
			return h.envoy.Run(outer)
		case <-outer.Done():
			return nil
		}
	})
	g.Go(func() error {
		err := h.start(outer, cfg, started, t)
		if err != nil && outer.Err() == nil {
			return err
		}
		return h.reloader.follow(outer, from, reread)
	})
	err := g.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		h.log.Info().Msg("stopped")
		return nil
	}
	return err
}

// listen opens the private sockets, and the addresses for operators. The
// databroker's stays open until last ends.
func (h *house) listen(ctx, last context.Context, g *errgroup.Group, cfg *config.Config) error {
	control := grpc.NewServer(
		grpc.ForceServerCodecV2(authorize.Codec()),
		grpc.MaxConcurrentStreams(1<<16),
		grpc.NumStreamWorkers(decisionWorkers),
		// Fixed windows: measuring the path would cost a ping for every question
		// over a socket that has no delay.
		grpc.InitialWindowSize(decisionWindow), grpc.InitialConnWindowSize(decisionWindow))
	h.authorize.Register(control)
	h.ads.Register(control)
	leash := grpc.NewServer(grpc.MaxConcurrentStreams(1 << 16))
	h.authorize.RegisterLeashes(leash)
	broker := grpc.NewServer(grpc.MaxRecvMsgSize(32<<20), grpc.MaxSendMsgSize(32<<20))
	h.broker.Register(broker)
	return errors.Join(
		serveGRPC(last, g, broker, h.sockets.broker),
		serveGRPC(ctx, g, control, h.sockets.Control),
		serveGRPC(ctx, g, leash, h.sockets.Leash),
		serveHTTP(ctx, g, h.web(), "unix", h.sockets.HTTP),
		serveHTTP(ctx, g, h.verify.Handler(), "unix", h.sockets.Verify),
		h.serveConsole(ctx, g),
		h.serveOperators(ctx, g, cfg),
		h.serveAdmin(ctx, g, cfg),
		h.serveAdminGRPC(ctx, g, cfg),
	)
}

// start puts the first configuration in force and says so.
func (h *house) start(ctx context.Context, cfg *config.Config, started chan<- struct{}, t terminal) error {
	if err := envoy.ProbePorts(newAddresses(nil, cfg)); err != nil {
		return err
	}
	close(started)
	if err := h.reloader.applyFirst(ctx, cfg); err != nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := h.envoy.Ready(patient); err != nil {
		return fmt.Errorf("envoy does not come up: %w", err)
	}
	for _, address := range []string{cfg.Address, cfg.Console.Address} {
		if err := awaitListening(patient, address); err != nil {
			return err
		}
	}
	h.log.Info().Str("address", cfg.Address).Int("routes", len(cfg.Routes)).Str("version", version).Msg("serving")
	notifySystemd(cfg, "READY=1")
	h.welcome(cfg, t.err)
	debug.FreeOSMemory() // starting takes more than serving does
	return nil
}
