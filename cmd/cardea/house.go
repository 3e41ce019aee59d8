package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/authenticate"
	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/bolt"
	"github.com/cardea-proxy/cardea/envoy"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
	"github.com/cardea-proxy/cardea/internal/verify"
	"github.com/cardea-proxy/cardea/proxy"
	"github.com/cardea-proxy/cardea/proxy/console"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A house is one installation in one process: all parts, and what connects them.
type house struct {
	log     zerolog.Logger
	out     io.Writer // standard output, whole lines from several goroutines
	keys    keys
	sockets *sockets
	pages   *pages.Pages

	store        databroker.Store
	broker       *databroker.Server
	conn         *grpc.ClientConn
	client       *databroker.Client
	view         *databroker.View
	audit        *audit.Log
	authorize    *authorize.Server
	authenticate *authenticate.Server
	proxy        *proxy.Server
	verify       *verify.Server
	console      *console.Server
	ads          *envoy.ADS
	envoy        *envoy.Process
	reloader     *reloader
	revealed     *revealed
	journal      *journal.Journal // nil: decisions are not recorded

	consoleService *console.Service
	started        time.Time
	tail           tail // of the decisions that are recorded
	trials         trials
}

// newHouse builds every part. What was opened is closed by close, also after an
// error.
func newHouse(ctx context.Context, cfg *config.Config, log zerolog.Logger, out io.Writer) (_ *house, err error) {
	h := &house{log: log, out: out, revealed: &revealed{}, started: time.Now()} // not the result, which is nil after an error
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make data_dir: %w", err)
	}
	root, err := sharedKey(cfg)
	if err != nil {
		return nil, err
	}
	h.keys = deriveKeys(root, cfg)
	if h.sockets, err = newSockets(); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, *config.Config) error{h.openBroker, h.openAudit, h.openJournal, h.openParts, h.openConsole, h.openEnvoy} {
		if err := step(ctx, cfg); err != nil {
			return nil, err
		}
	}
	h.reloader = newReloader(h)
	return h, nil
}

// openBroker opens the store and what stands around it.
func (h *house) openBroker(ctx context.Context, cfg *config.Config) (err error) {
	if h.store, err = openStore(cfg); err != nil {
		return err
	}
	if h.broker, err = databroker.NewServer(ctx, databroker.ServerOptions{Store: h.store, Secret: h.keys.root, Log: h.log}); err != nil {
		return err
	}
	dial := append(databroker.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials())) // the folder is private
	h.conn, err = grpc.NewClient("unix:"+h.sockets.broker, dial...)
	if err != nil {
		return fmt.Errorf("connect to the databroker: %w", err)
	}
	if h.client, err = databroker.NewClient(databroker.ClientOptions{Conn: h.conn, Secret: h.keys.root}); err != nil {
		return err
	}
	h.view, err = databroker.NewView(databroker.ViewOptions{
		Client: h.client, Log: h.log,
		OnChange: func(typ, id string) { h.authorize.Changed(typ, id) }, // it is there before the view runs
	})
	return err
}

func openStore(cfg *config.Config) (databroker.Store, error) {
	if cfg.DatabrokerStorageType == "memory" {
		return databroker.NewMemoryStore(databroker.MemoryOptions{}), nil
	}
	path, err := storePath(cfg)
	if err != nil {
		return nil, err
	}
	store, err := bolt.Open(bolt.Options{Path: path})
	switch {
	case errors.Is(err, databroker.ErrLocked):
		return nil, fmt.Errorf("%s is in use by another process: stop that one, or give this one another data_dir", filepath.Dir(path))
	case err != nil:
		return nil, err // and no store: a nil *bolt.Store would be one
	}
	return store, nil
}

// storePath is the file of the embedded store.
func storePath(cfg *config.Config) (string, error) {
	dir := filepath.Join(cfg.DataDir, "databroker")
	if text := cfg.DatabrokerStorageConnectionString.Reveal(); text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "file" {
			return "", errors.New("databroker_storage_connection_string: want file://DIR")
		}
		dir = u.Host + u.Path // file://relative/dir has its first part where a host would be
	}
	return filepath.Join(dir, "records.db"), nil
}

// openJournal opens the recorded decisions, where they are wanted.
func (h *house) openJournal(_ context.Context, cfg *config.Config) (err error) {
	if cfg.DecisionLogMaxAge == 0 {
		return nil
	}
	h.journal, err = journal.Open(journal.Options{
		Dir: decisionsDir(cfg), Key: journalKey(h.keys.root),
		MaxBytes: int64(cfg.DecisionLogMaxSize), MaxAge: cfg.DecisionLogMaxAge, Log: h.log,
	})
	return err
}

// recorder is what authorize records by; nil without a journal.
func (h *house) recorder() authorize.Recorder {
	if h.journal == nil {
		return nil
	}
	return newRecorder(h.journal, &h.tail, func(id string) string { return h.reloader.from(id) })
}

// openParts builds the parts that answer requests.
func (h *house) openParts(_ context.Context, _ *config.Config) (err error) {
	h.pages = pages.New(pages.Options{})
	signer := handoff.New(h.keys.handoffMAC, h.keys.handoffSeal, nil)
	tickets := ticket.New(h.keys.routeTicket)
	if h.authorize, err = authorize.New(authorize.Options{
		Sessions: h.view, Tickets: tickets, Handoff: signer, Pages: h.pages, Log: h.log, Audit: h.out,
		Recorder: h.recorder(),
	}); err != nil {
		return err
	}
	desk, err := device.New(device.Options{Broker: h.client, Key: h.keys.devices, Log: h.log})
	if err != nil {
		return err
	}
	if h.authenticate, err = authenticate.New(authenticate.Options{
		Broker: h.client, Sessions: h.view, Tickets: ticket.New(h.keys.signInTicket), Handoff: signer, Pages: h.pages, Devices: desk,
		StateKey: h.keys.state, LocalKey: h.keys.localProvider, Reveal: h.revealed.add, Log: h.log,
	}); err != nil {
		return err
	}
	if h.proxy, err = proxy.New(proxy.Options{
		Sessions: h.view, Once: h.client, Tickets: tickets, Handoff: signer, Pages: h.pages, Log: h.log,
		Records: h.authorize.Records(), ActsAs: h.actsAs,
	}); err != nil {
		return err
	}
	h.verify, err = verify.New(verify.Options{Pages: h.pages, Keys: func(context.Context) ([]byte, error) { return h.reloader.jwks() }})
	return err
}

func (h *house) openEnvoy(ctx context.Context, cfg *config.Config) error {
	path, err := envoy.Find(ctx, cfg.EnvoyPath, filepath.Join(cacheDir(cfg), "envoy"))
	if err != nil {
		return err
	}
	h.ads = envoy.NewADS(envoy.ADSOptions{Log: h.log, Observe: h.observeEnvoy})
	h.envoy, err = envoy.New(envoy.Options{
		Path: path, Dir: h.sockets.dir, ControlSocket: h.sockets.Control, AccessLog: h.out, Log: h.log,
		LogLevel: string(cfg.ProxyLogLevel), AdminAddress: cfg.EnvoyAdminAddress,
		AdminAccessLogPath: cfg.EnvoyAdminAccessLogPath, AdminProfilePath: cfg.EnvoyAdminProfilePath,
	})
	return err
}

func (h *house) observeEnvoy(kind, refusal string) {
	if refusal != "" {
		h.log.Error().Str("kind", kind).Str("reason", refusal).Msg("envoy refuses a resource")
	}
}

// cacheDir is where the unpacked Envoy is kept: with the user's other caches,
// else beside the data.
func cacheDir(cfg *config.Config) string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "cardea")
	}
	return filepath.Join(cfg.DataDir, "cache")
}

// web serves the pages: the sign-in host is authenticate's, but for the paths
// that every host has; all else is proxy's.
func (h *house) web() http.Handler {
	signIn, reserved := h.authenticate.Handler(), h.proxy.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		everywhere := strings.HasPrefix(r.URL.Path, "/.well-known/pomerium") || r.URL.Path == "/ping" || r.URL.Path == "/healthz"
		if h.reloader.isSignInHost(r.Host) && !everywhere {
			signIn.ServeHTTP(w, r)
			return
		}
		reserved.ServeHTTP(w, r)
	})
}

// close gives back what newHouse took.
func (h *house) close() {
	if h.conn != nil {
		_ = h.conn.Close() // nothing is under way any more
	}
	if h.store != nil {
		if err := h.store.Close(); err != nil {
			h.log.Error().Err(err).Msg("store does not close")
		}
	}
	if h.sockets != nil {
		h.sockets.remove()
	}
}
