package main

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves our own figures, then Envoy's.
func (h *house) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "pomerium_" + name, Help: help}, value))
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pomerium_build_info", Help: "Constant 1, labelled by version."}, []string{"version", "goversion"})
	info.WithLabelValues(version, runtime.Version()).Set(1)
	registry.MustRegister(info)
	gauge("config_last_reload_success", "1 when the last configuration was taken, 0 when it was refused.", func() float64 {
		if h.reloader.good.Load() {
			return 1
		}
		return 0
	})
	gauge("config_last_reload_success_timestamp", "When a configuration was last taken, in unix seconds.", func() float64 { return float64(h.reloader.at.Load()) })
	gauge("config_generation", "Number of the configuration in force.", func() float64 {
		if g := h.reloader.active.Load(); g != nil {
			return float64(g.config.Generation)
		}
		return 0
	})
	gauge("policy_count_total", "Routes in force.", func() float64 {
		if g := h.reloader.active.Load(); g != nil {
			return float64(len(g.programs))
		}
		return 0
	})
	gauge("envoy_restarts_total", "How often Envoy has been started again.", func() float64 { return float64(h.envoy.Restarts()) })
	own := promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		// One text format for both: what Envoy writes is appended as it is.
		r.Header.Set("Accept", "text/plain;version=0.0.4")
		own.ServeHTTP(w, r)
		_ = h.envoy.Metrics(r.Context(), w) // ours are worth having without its
	})
	mux.HandleFunc("GET /metrics/envoy", func(w http.ResponseWriter, r *http.Request) {
		if err := h.envoy.Metrics(r.Context(), w); err != nil {
			http.Error(w, "envoy does not answer", http.StatusServiceUnavailable)
		}
	})
	return mux
}
