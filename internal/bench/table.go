package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http/cookiejar"
	"os"
	"slices"
	"strings"
	"time"
)

// The names of the targets.
const (
	nameBare     = "bare Envoy"
	nameFloor    = "Envoy, always yes"
	nameEmail    = "Cardea, by e-mail"
	nameIdentity = "Cardea, with identity"
)

// measureLoad runs the rounds and prints their tables and the summary.
func measureLoad(ctx context.Context, w *world, out io.Writer) error {
	targets, err := w.loadTargets(ctx)
	if err != nil {
		return err
	}
	targets = slices.DeleteFunc(targets, func(t *target) bool { return !w.settings.wants(t.name) })
	if len(targets) == 0 {
		return fmt.Errorf("-only: no target has %q in its name", w.settings.only)
	}
	var all []figure
	for _, proto := range w.settings.protos {
		for _, conns := range w.settings.conns {
			l := load{proto: proto, conns: conns, streams: w.settings.streams, seconds: w.settings.seconds}
			figures, err := w.rounds(ctx, targets, l, w.settings.rounds)
			if err != nil {
				return err
			}
			all = append(all, figures...)
			_, _ = io.WriteString(out, table(targets, figures))
		}
	}
	for _, t := range targets {
		if err := w.check(ctx, t); err != nil {
			return fmt.Errorf("after the load, so the run is void: %w", err)
		}
	}
	_, _ = io.WriteString(out, memoryTable(targets, all))
	_, err = io.WriteString(out, "\n"+summary(all, w.settings)+"\n")
	return err
}

// loadTargets starts the targets and sees that each answers as it should.
func (w *world) loadTargets(ctx context.Context) ([]*target, error) {
	if err := w.startBaselines(ctx); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(w.settings.logs, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer func() { _ = log.Close() }() // the programs have their own handles
	guarded, err := w.guardedTargets(ctx, "load", w.cardea, log)
	if err != nil {
		return nil, err
	}
	baseline := []int{w.baseline.pid()}
	targets := append([]*target{
		{name: nameBare, host: "baseA." + domain, port: w.barePort, pids: baseline},
		{name: nameFloor, host: "baseB." + domain, port: w.floorPort, pids: append(baseline, w.null.pid())},
	}, guarded...)
	for _, t := range targets[:2] {
		t.idle = resident(t.pids)
	}
	for i, program := range w.settings.others {
		others, err := w.guardedTargets(ctx, fmt.Sprintf("other-%d", i), program, log)
		if err != nil {
			return nil, err
		}
		others[1].name = program
		targets = append(targets, others[1])
	}
	for _, t := range targets {
		t.cookie = cmp.Or(t.cookie, guarded[1].cookie) // one size for all
		if err := w.baseline.await(ctx, 10*time.Millisecond, func(ctx context.Context) error { return w.check(ctx, t) }); err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// guardedTargets starts a program, signs in, and returns its two targets: the
// decision alone, and with identity headers. name is that of its folder.
func (w *world) guardedTargets(ctx context.Context, name, program string, log io.Writer) ([]*target, error) {
	site, err := w.newSite(ctx, name, w.loadRoutes())
	if err != nil {
		return nil, err
	}
	site.program = program
	if err := w.run(ctx, site, log); err != nil {
		return nil, err
	}
	if err := w.answers(ctx, site, "plain."+domain, "/healthz"); err != nil {
		return nil, err
	}
	targets := []*target{
		{name: nameEmail, host: "plain." + domain, port: site.port, pids: []int{site.pid()}, guarded: true},
		{name: nameIdentity, host: "ident." + domain, port: site.port, pids: []int{site.pid()}, guarded: true, identity: true},
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	idle := resident([]int{site.pid()})
	for _, t := range targets {
		t.idle = idle
		if t.cookie, err = w.signIn(ctx, site.port, jar, t.url("/")); err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// rounds shoots at each target once in each round; every second round goes the
// other way round.
func (w *world) rounds(ctx context.Context, targets []*target, l load, rounds int) ([]figure, error) {
	warm := l
	warm.seconds = 1
	for _, t := range targets {
		if _, err := w.shoot(ctx, t, warm); err != nil {
			return nil, err
		}
	}
	var all []figure
	order := slices.Clone(targets)
	for round := range rounds {
		w.say("%s, %d connections, round %d of %d", l.proto, l.conns, round+1, rounds)
		for _, t := range order {
			f, err := w.shoot(ctx, t, l)
			if err != nil {
				return nil, err
			}
			f.round = round
			all = append(all, f)
		}
		slices.Reverse(order)
	}
	return all, nil
}

// of returns the figures of one target, by round.
func of(figures []figure, name string) []figure {
	return slices.DeleteFunc(slices.Clone(figures), func(f figure) bool { return f.target != name })
}

func rateOf(f figure) float64  { return f.rate }
func p50Of(f figure) float64   { return f.p50.Seconds() * 1e3 }
func p99Of(f figure) float64   { return f.p99.Seconds() * 1e3 }
func cpuOf(f figure) float64   { return f.cpu.all.Seconds() * 1e6 }
func envoyOf(f figure) float64 { return f.cpu.envoy.Seconds() * 1e6 }

// middle is the median of what value says about the figures of a target.
func middle(figures []figure, name string, value func(figure) float64) float64 {
	var values []float64
	for _, f := range of(figures, name) {
		values = append(values, value(f))
	}
	return median(values)
}

// ratio is the median over the rounds of name to base in the same round; 0 when
// there is none.
func ratio(figures []figure, name, base string, value func(figure) float64) float64 {
	var ratios []float64
	for _, f := range of(figures, name) {
		for _, b := range of(figures, base) {
			if b.round == f.round && b.load == f.load && value(b) > 0 {
				ratios = append(ratios, value(f)/value(b))
			}
		}
	}
	return median(ratios)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// table shows the figures of one load.
func table(targets []*target, figures []figure) string {
	var b strings.Builder
	l := figures[0].load
	fmt.Fprintf(&b, "\n%s, %d connections, %d rounds of %d s\n\n", l.proto, l.conns, figures[len(figures)-1].round+1, l.seconds)
	b.WriteString("| target | req/s | of bare | of floor | p50 ms | p99 ms | p99 of floor | CPU µs/req | of that Envoy | CPU of floor |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, t := range targets {
		fmt.Fprintf(&b, "| %s | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f | %.2f |\n", t.name,
			middle(figures, t.name, rateOf), ratio(figures, t.name, nameBare, rateOf), ratio(figures, t.name, nameFloor, rateOf),
			middle(figures, t.name, p50Of), middle(figures, t.name, p99Of), ratio(figures, t.name, nameFloor, p99Of),
			middle(figures, t.name, cpuOf), middle(figures, t.name, envoyOf), ratio(figures, t.name, nameFloor, cpuOf))
	}
	return b.String()
}

// memoryTable shows resident memory, before anybody came and the most under
// load.
func memoryTable(targets []*target, figures []figure) string {
	var b strings.Builder
	b.WriteString("\n| target | idle MiB | under load MiB |\n|---|---|---|\n")
	for _, t := range targets {
		var most []residence
		for _, f := range of(figures, t.name) {
			if total(f.memory) > total(most) {
				most = f.memory
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", t.name, residences(t.idle), residences(most))
	}
	return b.String()
}

func total(list []residence) (mib float64) {
	for _, r := range list {
		mib += r.mib
	}
	return mib
}

func residences(list []residence) string {
	var parts []string
	for _, r := range list {
		parts = append(parts, fmt.Sprintf("%s %.0f", r.name, r.mib))
	}
	return strings.Join(parts, ", ")
}

// summary is the last line: Cardea with identity headers, at 16 connections or
// else the first number that was asked for. Of the two p99 ratios it gives the
// worse.
func summary(figures []figure, s settings) string {
	conns := s.conns[0]
	if slices.Contains(s.conns, 16) {
		conns = 16
	}
	say := func(r float64) string {
		if r == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", r)
	}
	rates := func(base string) string {
		return "h1 " + say(ratio(at(figures, "h1", conns), nameIdentity, base, rateOf)) +
			", h2 " + say(ratio(at(figures, "h2", conns), nameIdentity, base, rateOf))
	}
	p99 := max(ratio(at(figures, "h1", conns), nameIdentity, nameFloor, p99Of), ratio(at(figures, "h2", conns), nameIdentity, nameFloor, p99Of))
	return "of floor: " + rates(nameFloor) + "; p99 " + say(p99) + "; of bare: " + rates(nameBare)
}

// at returns the figures of one load.
func at(figures []figure, proto string, conns int) []figure {
	return slices.DeleteFunc(slices.Clone(figures), func(f figure) bool { return f.load.proto != proto || f.load.conns != conns })
}
