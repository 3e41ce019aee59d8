package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/sync/errgroup"
)

// serveOperators opens the addresses that are not for strangers: health,
// metrics, profiles. They are off or on loopback unless configured otherwise.
func (h *house) serveOperators(ctx context.Context, g *errgroup.Group, cfg *config.Config) error {
	var errs []error
	serveAt := func(key, address string, handler http.Handler) {
		if address == "" {
			return
		}
		if err := serveHTTP(ctx, g, handler, "tcp", address); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	serveAt("health_check_addr", cfg.HealthCheckAddr, h.health())
	serveAt("metrics_address", cfg.MetricsAddress, h.metrics())
	serveAt("debug_address", addressOf(cfg.DebugAddress), profiles())
	return errors.Join(errs...)
}

// checks says how each part is; nil is well.
func (h *house) checks(ctx context.Context) map[string]error {
	checks := map[string]error{"config": nil, "envoy.server": nil, "storage.backend": nil}
	if h.reloader.active.Load() == nil {
		checks["config"] = errors.New("no configuration in force yet")
	} else if !h.reloader.good.Load() {
		checks["config"] = errors.New("the last reload was refused; the configuration before is in force")
	}
	if !h.envoy.Healthy(ctx) {
		checks["envoy.server"] = errors.New("envoy does not answer")
	}
	if _, err := h.store.Position(ctx); err != nil {
		checks["storage.backend"] = errors.New("the store does not answer")
	}
	return checks
}

// health answers probes. A refused reload makes nothing unhealthy: what was in
// force still is, and a restart would not.
func (h *house) health() http.Handler {
	mux := http.NewServeMux()
	probe := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		for name, err := range h.checks(ctx) {
			if err != nil && name != "config" || h.reloader.active.Load() == nil {
				http.Error(w, name+" is not ready", http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = io.WriteString(w, "OK\n") // the prober may be gone
	}
	for _, path := range []string{"/startupz", "/readyz", "/healthz"} {
		mux.HandleFunc("GET "+path, probe)
	}
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		status := map[string]any{}
		for name, err := range h.checks(ctx) {
			item := map[string]string{"status": "running"}
			if err != nil {
				item = map[string]string{"status": "failed", "error": err.Error()}
			}
			status[name] = item
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"version": version, "checks": status}) // the prober may be gone
	})
	return mux
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// notifySystemd tells the service manager how we are, where there is one
// (sd_notify(3)).
func notifySystemd(cfg *config.Config, state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" || cfg.HealthCheckSystemdDisabled {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return // it is a courtesy
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
}

// healthCommand asks a running instance, for probes of containers.
func healthCommand(env *viper.Viper, t terminal) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running instance how it is; exit 1 when it is not well", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if address == "" {
				if address = env.GetString("health_check_addr"); address == "" {
					address = "127.0.0.1:28080"
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
			if err != nil {
				return fmt.Errorf("health: %w", err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return fmt.Errorf("health: %w", err)
			}
			defer func() { _ = resp.Body.Close() }() // only reads were made
			if _, err := io.Copy(t.out, io.LimitReader(resp.Body, 4096)); err != nil {
				return fmt.Errorf("health: %w", err)
			}
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("health: %s", resp.Status)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&address, "address", "a", "", "health_check_addr of the instance (default 127.0.0.1:28080)")
	return cmd
}
