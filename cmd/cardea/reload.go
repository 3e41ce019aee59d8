package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy"
	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/internal/verify"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy"
	"github.com/cardea-proxy/cardea/proxy/console"
)

// A generation is one configuration with all that was made of it.
type generation struct {
	config   *config.Config
	programs map[string]*policy.Program
	roles    console.Roles
	minter   *assertion.Minter
	renew    time.Time         // of made certificates; zero is never
	from     map[string]string // addresses of routes by id
	// certificates are what the listeners show.
	certificates []*config.Certificate
	// offline answers questions about it; it is made when one is asked.
	offline func() (*offline, error)
}

// A reloader is the only door for a new configuration. Everything is prepared
// first; what goes wrong then leaves the generation before in place, whole.
type reloader struct {
	house    *house
	compiler *policy.Compiler
	turn     sync.Mutex // one apply at a time
	active   atomic.Pointer[generation]
	good     atomic.Bool  // whether the last attempt was taken
	at       atomic.Int64 // unix seconds of the last attempt that was
	last     atomic.Pointer[attempt]
}

// An attempt is one at a new configuration.
type attempt struct {
	at       time.Time
	problems []string // none: it is in force
}

// note remembers how the last attempt went.
func (r *reloader) note(err error) {
	a := &attempt{at: time.Now()}
	var all config.Errors
	switch {
	case errors.As(err, &all):
		for _, e := range all {
			a.problems = append(a.problems, policy.Visible(e.Error()))
		}
	case err != nil && !errors.Is(err, envoy.ErrUnanswered):
		for line := range strings.Lines(err.Error()) {
			a.problems = append(a.problems, policy.Visible(strings.TrimSpace(line)))
		}
	}
	r.last.Store(a)
}

func newReloader(h *house) *reloader { return &reloader{house: h, compiler: &policy.Compiler{}} }

// inForce returns the configuration in force, nil before the first.
func (r *reloader) inForce() *config.Config {
	if now := r.active.Load(); now != nil {
		return now.config
	}
	return nil
}

// apply puts cfg in force, Envoy last. An error that is envoy.ErrUnanswered
// means that it is in force everywhere else, and on offer there.
func (r *reloader) apply(ctx context.Context, cfg *config.Config) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	err := r.swap(ctx, cfg)
	taken := err == nil || errors.Is(err, envoy.ErrUnanswered)
	r.good.Store(taken)
	r.note(err)
	if taken {
		r.at.Store(time.Now().Unix())
	}
	return err
}

func (r *reloader) swap(ctx context.Context, cfg *config.Config) error {
	h, now := r.house, r.active.Load()
	next := &generation{config: cfg}
	cfg.Generation = 1
	var before map[string]*policy.Program
	if now != nil {
		cfg.Generation, before = now.config.Generation+1, now.programs
	}
	var err error
	if next.programs, err = compileAll(ctx, cfg, r.compiler, before); err != nil {
		return err
	}
	if next.roles, err = compileRoles(ctx, cfg, r.compiler); err != nil {
		return err
	}
	if next.minter, err = newMinter(cfg, h.keys); err != nil {
		return err
	}
	list, renew, err := listenerCertificates(cfg, h.keys.root, time.Now())
	if err != nil {
		return err
	}
	next.certificates = list
	next.renew, next.from = renew, make(map[string]string, len(cfg.Routes))
	for _, r := range cfg.Routes {
		next.from[r.ID] = r.From.String()
	}
	snapshot, err := buildSnapshot(cfg, next.programs, list, h.sockets.Sockets, errorPagesOf(h.pages))
	if err != nil {
		return err
	}
	next.offline = sync.OnceValues(func() (*offline, error) { return newOfflineOf(cfg, next.programs, snapshot) })
	signIn, err := h.authenticate.Prepare(cfg)
	if err != nil {
		return err
	}
	decide, err := h.authorize.Prepare(authorize.State{Config: cfg, Programs: next.programs, Minter: next.minter, Admins: next.roles.Admin})
	if err != nil {
		return err
	}
	if now != nil { // before the first one, start has looked
		if err := handedOn(now.config, cfg); err != nil {
			return err
		}
		if err := envoy.ProbePorts(newAddresses(now, cfg)); err != nil {
			return err
		}
	}
	// From here on nothing can be refused but by Envoy.
	if err := h.authenticate.Apply(ctx, signIn); err != nil {
		return err
	}
	decide()
	h.proxy.Apply(proxy.State{Config: cfg, Programs: next.programs, Minter: next.minter})
	h.console.Apply(console.State{Config: cfg, Roles: next.roles, Minter: next.minter})
	h.verify.Apply(verify.Settings{CookieName: cfg.CookieName, ClaimHeaders: cfg.JWTClaimsHeaders})
	r.active.Store(next)
	if err := h.ads.Apply(ctx, snapshot.Resources()); err != nil {
		return err
	}
	h.authorize.Acknowledged(cfg.Generation)
	return nil
}

// follow applies every change of the source, on reread also an unchanged one,
// until ctx ends.
func (r *reloader) follow(ctx context.Context, from config.Source, reread <-chan os.Signal) error {
	log := r.house.log
	changed := make(chan struct{}, 1)
	watching := make(chan error, 1)
	go func() {
		watching <- from.Watch(ctx, func() {
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		})
	}()
	for {
		renew := r.renewal()
		select {
		case <-ctx.Done():
			return <-watching
		case err := <-watching:
			log.Error().Err(err).Msg("configuration is no longer watched; send SIGHUP after a change")
			watching = nil
			if ctx.Err() != nil {
				return nil
			}
			continue
		case <-changed:
		case <-reread:
		case <-renew:
		}
		r.reload(ctx, from)
	}
}

// renewal fires when a made certificate is due.
func (r *reloader) renewal() <-chan time.Time {
	if now := r.active.Load(); now != nil && !now.renew.IsZero() {
		return time.After(max(time.Until(now.renew), time.Minute))
	}
	return nil
}

func (r *reloader) reload(ctx context.Context, from config.Source) {
	log := r.house.log
	cfg, err := from.Load(ctx)
	if err != nil {
		r.good.Store(false)
		r.note(err)
		var all config.Errors
		if errors.As(err, &all) {
			for _, e := range all {
				log.Error().Str("file", e.File).Int("line", e.Line).Str("key", e.Key).Str("problem", e.Error()).Msg("configuration refused")
			}
			return
		}
		log.Error().Err(err).Msg("configuration refused")
		return
	}
	before := r.active.Load().config
	switch err := r.apply(ctx, cfg); {
	case errors.Is(err, envoy.ErrUnanswered):
		log.Warn().Err(err).Msg("configuration in force, but for envoy: it has it on offer")
	case errors.Is(err, envoy.ErrRefused):
		log.Error().Err(err).Msg("configuration refused by envoy: it goes on with the one before, under the new policies")
		return
	case err != nil:
		log.Error().Err(err).Uint64("in_force", before.Generation).Msg("configuration refused")
		return
	}
	if before.ProxyLogLevel != cfg.ProxyLogLevel {
		if err := r.house.envoy.SetLogLevel(ctx, string(cfg.ProxyLogLevel)); err != nil {
			log.Warn().Err(err).Msg("envoy keeps its log level")
		}
	}
	for _, key := range needRestart(before, cfg) {
		log.Warn().Str("key", key).Msg("a change of this key takes effect at the next start")
	}
	log.Info().Uint64("generation", cfg.Generation).Int("routes", len(cfg.Routes)).Msg("configuration in force")
}

// needRestart lists changed keys that are read once.
func needRestart(old, now *config.Config) []string {
	var keys []string
	for key, same := range map[string]bool{
		"data_dir":                             old.DataDir == now.DataDir,
		"shared_secret":                        string(old.SharedKey) == string(now.SharedKey),
		"cookie_secret":                        string(old.CookieKey) == string(now.CookieKey),
		"databroker_storage_type":              old.DatabrokerStorageType == now.DatabrokerStorageType,
		"databroker_storage_connection_string": old.DatabrokerStorageConnectionString == now.DatabrokerStorageConnectionString,
		"envoy_path":                           old.EnvoyPath == now.EnvoyPath,
		"envoy_admin_address":                  old.EnvoyAdminAddress == now.EnvoyAdminAddress,
		"health_check_addr":                    old.HealthCheckAddr == now.HealthCheckAddr,
		"metrics_address":                      old.MetricsAddress == now.MetricsAddress,
		"debug_address":                        addressOf(old.DebugAddress) == addressOf(now.DebugAddress),
		"log_level":                            old.LogLevel == now.LogLevel,
		"decision_log_max_age":                 old.DecisionLogMaxAge == now.DecisionLogMaxAge,
		"decision_log_max_size":                old.DecisionLogMaxSize == now.DecisionLogMaxSize,
	} {
		if !same {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func addressOf(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// from returns the address of the route called id, "" where there is none.
func (r *reloader) from(id string) string {
	if now := r.active.Load(); now != nil {
		return now.from[id]
	}
	return ""
}

// isSignInHost reports whether a Host header names the sign-in host.
func (r *reloader) isSignInHost(host string) bool {
	now := r.active.Load()
	return now != nil && ticket.HostName(host) == ticket.HostName(now.config.SignInHost())
}

// jwks returns the published keys.
func (r *reloader) jwks() ([]byte, error) {
	now := r.active.Load()
	if now == nil {
		return nil, fmt.Errorf("no configuration yet")
	}
	body, _ := now.minter.JWKS()
	return body, nil
}

// applyFirst is apply for the first configuration. Envoy's ports were probed
// before it was started, and it may take longer than one patience to come up.
func (r *reloader) applyFirst(ctx context.Context, cfg *config.Config) error {
	err := r.apply(ctx, cfg)
	if errors.Is(err, envoy.ErrUnanswered) {
		return nil // on offer; Ready waits for it
	}
	return err
}
