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
	registry.MustRegister(policyFigures{h}, leashFigures{h})
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

// policyFigures are those of shadow policies and of recorded decisions.
type policyFigures struct{ house *house }

var (
	shadowFigure = prometheus.NewDesc("pomerium_policy_shadow_disagreements_total",
		"Requests about which a shadow policy would have decided otherwise.", []string{"policy", "outcome", "would"}, nil)
	droppedFigure = prometheus.NewDesc("pomerium_decision_log_dropped_total",
		"Decisions that were not recorded, for lack of time or room.", nil, nil)
	recordedFigure = prometheus.NewDesc("pomerium_decision_log_bytes", "Room that recorded decisions take.", nil, nil)
)

// Describe is that of prometheus.Collector.
func (policyFigures) Describe(to chan<- *prometheus.Desc) {
	to <- shadowFigure
	to <- droppedFigure
	to <- recordedFigure
}

// Collect is that of prometheus.Collector.
func (f policyFigures) Collect(to chan<- prometheus.Metric) {
	sums := map[[3]string]uint64{} // over routes
	for _, c := range f.house.authorize.ShadowCounts() {
		sums[[3]string{c.Policy, c.Outcome, c.Would}] += c.Count
	}
	for of, n := range sums {
		to <- prometheus.MustNewConstMetric(shadowFigure, prometheus.CounterValue, float64(n), of[0], of[1], of[2])
	}
	if f.house.journal != nil {
		stats := f.house.journal.Stats()
		to <- prometheus.MustNewConstMetric(droppedFigure, prometheus.CounterValue, float64(stats.Dropped))
		to <- prometheus.MustNewConstMetric(recordedFigure, prometheus.GaugeValue, float64(stats.Bytes))
	}
}

// leashFigures are those of long-lived streams.
type leashFigures struct{ house *house }

var (
	leashesFigure = prometheus.NewDesc("pomerium_streams_held",
		"Long-lived streams that are open and watched over.", nil, nil)
	leashBytesFigure = prometheus.NewDesc("pomerium_streams_held_bytes",
		"What is remembered of the requests of those streams, in bytes.", nil, nil)
	leashesOpenedFigure = prometheus.NewDesc("pomerium_streams_held_total",
		"Long-lived streams that were opened.", nil, nil)
	leashesEndedFigure = prometheus.NewDesc("pomerium_streams_ended_total",
		"Long-lived streams that are over: closed by a side of theirs, or why they were ended.", []string{"reason"}, nil)
)

// Describe is that of prometheus.Collector.
func (leashFigures) Describe(to chan<- *prometheus.Desc) {
	to <- leashesFigure
	to <- leashBytesFigure
	to <- leashesOpenedFigure
	to <- leashesEndedFigure
}

// Collect is that of prometheus.Collector.
func (f leashFigures) Collect(to chan<- prometheus.Metric) {
	stats := f.house.authorize.LeashStats()
	to <- prometheus.MustNewConstMetric(leashesFigure, prometheus.GaugeValue, float64(stats.Open))
	to <- prometheus.MustNewConstMetric(leashBytesFigure, prometheus.GaugeValue, float64(stats.Bytes))
	to <- prometheus.MustNewConstMetric(leashesOpenedFigure, prometheus.CounterValue, float64(stats.Opened))
	for reason, n := range stats.Ended {
		to <- prometheus.MustNewConstMetric(leashesEndedFigure, prometheus.CounterValue, float64(n), reason)
	}
}
