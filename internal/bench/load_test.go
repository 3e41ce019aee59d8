package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const clean = `Application protocol: h2
finished in 1.00s, 1000 req/s, 100KB/s
requests: 1000 total, 1016 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout
`

func TestAShotIsVoid(t *testing.T) {
	for _, tc := range []struct {
		name, out, proto string
		void             bool
	}{
		{"unless all is well", clean, "h2", false},
		{"when another version of HTTP was spoken", clean, "http/1.1", true},
		{"when nothing was said", "", "h2", true},
		{"when a request failed", "Application protocol: h2\nrequests: 9 total, 9 started, 9 done, 8 succeeded, 1 failed, 0 errored, 0 timeout\n", "h2", true},
		{"when a request was not answered", "Application protocol: h2\nrequests: 9 total, 9 started, 9 done, 8 succeeded, 0 failed, 0 errored, 1 timeout\n", "h2", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := judge(tc.out, tc.proto); (err != nil) != tc.void {
				t.Errorf("judge: %v, want an error: %t", err, tc.void)
			}
		})
	}
}

func TestReadLog(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []time.Duration
		ok         bool
	}{
		{"the third field is microseconds", "1700000000000000\t200\t1500\n1700000000000001\t200\t70\n", []time.Duration{1500 * time.Microsecond, 70 * time.Microsecond}, true},
		{"one answer other than 200 voids it", "1700000000000000\t200\t1500\n1700000000000001\t503\t70\n", nil, false},
		{"nothing at all voids it", "", nil, false},
		{"a line of another shape voids it", "1\t200\n", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readLog(path)
			if (err == nil) != tc.ok {
				t.Fatalf("readLog: %v, want success: %t", err, tc.ok)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("readLog (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPercentile(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i))
	}
	if p50, p99, one := percentile(sorted, 50), percentile(sorted, 99), percentile(sorted[:1], 99); p50 != 100 || p99 != 198 || one != 0 {
		t.Errorf("p50, p99 of 0..199 and p99 of one = %v, %v, %v", p50, p99, one)
	}
}
