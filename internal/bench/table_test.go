package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shots makes figures of one load: a rate and a p99 for each target and round.
func shots(proto string, conns int, rates map[string][]float64) []figure {
	var all []figure
	for name, list := range rates {
		for round, rate := range list {
			all = append(all, figure{
				target: name, load: load{proto: proto, conns: conns}, round: round,
				rate: rate, p99: time.Duration(1e9 / rate), cpu: usage{time.Millisecond, time.Microsecond},
			})
		}
	}
	return all
}

func TestARatioComparesWithinARound(t *testing.T) {
	// The machine is ten times as slow in the second round: the ratio of the
	// medians would be 0.11.
	figures := shots("h1", 16, map[string][]float64{nameFloor: {1000, 100, 900}, nameIdentity: {900, 90, 810}})
	if got := ratio(figures, nameIdentity, nameFloor, rateOf); got < 0.899 || got > 0.901 {
		t.Errorf("ratio = %v, want 0.9", got)
	}
	if got := ratio(figures, nameIdentity, nameBare, rateOf); got != 0 {
		t.Errorf("ratio to a target that was not measured = %v, want 0", got)
	}
}

func TestSummaryIsTheLineThatIsPromised(t *testing.T) {
	h1 := map[string][]float64{nameBare: {2000}, nameFloor: {1000}, nameIdentity: {900}}
	h2 := map[string][]float64{nameBare: {1600}, nameFloor: {1000}, nameIdentity: {800}}
	for _, tc := range []struct {
		name    string
		figures []figure
		conns   []int
		want    string
	}{
		{"the worse p99 of the two versions", append(shots("h1", 16, h1), shots("h2", 16, h2)...), []int{16},
			"of floor: h1 0.90, h2 0.80; p99 1.25; of bare: h1 0.45, h2 0.50"},
		{"sixteen connections among several", append(shots("h1", 1, h2), shots("h1", 16, h1)...), []int{1, 16},
			"of floor: h1 0.90, h2 -; p99 1.11; of bare: h1 0.45, h2 -"},
		{"the first number without sixteen", shots("h2", 64, h2), []int{64, 128},
			"of floor: h1 -, h2 0.80; p99 1.25; of bare: h1 -, h2 0.50"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, summary(tc.figures, settings{conns: tc.conns})); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTableHasALineForEachTarget(t *testing.T) {
	figures := shots("h1", 16, map[string][]float64{nameBare: {2000}, nameFloor: {1000}})
	got := table([]*target{{name: nameBare}, {name: nameFloor}}, figures)
	for _, want := range []string{
		"h1, 16 connections, 1 rounds", "| bare Envoy | 2000 | 1.00 | 2.00 | 0.00 | 0.50 | 0.50 | 1000 | 1 | 1.00 |",
		"| Envoy, always yes | 1000 | 0.50 | 1.00 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("table has no %q:\n%s", want, got)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(tc.values); got != tc.want {
			t.Errorf("median(%v) = %v, want %v", tc.values, got, tc.want)
		}
	}
}
