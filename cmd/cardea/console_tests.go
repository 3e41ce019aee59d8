package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/policy/fixture"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// Bounds of the tests that the console runs. What is beyond them is said.
const (
	maxTestFiles   = 1000
	maxTestFile    = 1 << 20 // bytes
	maxTests       = 10_000
	testsPatience  = 8 * time.Second
	shownUntouched = 200
)

// trials keeps what the tests beside the policies in force came to, until a
// test, or what is in force, changes. The zero value is ready for use.
type trials struct {
	turn sync.Mutex // one runs, the others wait for it
	now  *generation
	mark string // the files as they were
	last *trial
}

// A trial is what one run of all tests came to. It is not changed any more.
type trial struct {
	tests    []*consolepb.PolicyTest
	faults   []string
	coverage *policy.Coverage
	whole    bool
}

// PolicyTests is that of console.Configuration.
func (h insight) PolicyTests(ctx context.Context) (*consolepb.ListPolicyTestsResponse, error) {
	now := h.reloader.active.Load()
	if now == nil {
		return nil, errNoneInForce
	}
	t, err := h.trials.of(ctx, now)
	if err != nil {
		return nil, err
	}
	return &consolepb.ListPolicyTestsResponse{
		Tests: slices.Clone(t.tests), Faults: t.faults, Whole: t.whole,
		Coverage: t.covered(t.coverage, func(string) bool { return true }),
	}, nil
}

// of returns what the tests say of a generation.
func (t *trials) of(ctx context.Context, now *generation) (*trial, error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	files, mark := testFiles(now)
	if t.last != nil && t.now == now && t.mark == mark {
		return t.last, nil
	}
	// Whoever asked may leave; the next one is glad of the result.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testsPatience)
	defer cancel()
	out, err := try(ctx, now, files)
	if err != nil {
		return nil, err
	}
	t.now, t.mark, t.last = now, mark, out
	return out, nil
}

// testFiles are those beside the policies in force: in the folders of the
// configuration and of each policy's file, not below them. The mark is another
// one when a file is.
func testFiles(now *generation) (files []string, mark string) {
	var folders []string
	if now.config.Document != "" {
		folders = append(folders, filepath.Dir(now.config.Document))
	}
	for _, p := range now.config.Policies {
		if p.File != "" {
			folders = append(folders, filepath.Dir(p.File))
		}
	}
	slices.Sort(folders)
	var marks strings.Builder
	for _, folder := range slices.Compact(folders) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue // it was there when the configuration was read
		}
		for _, e := range entries {
			path := filepath.Join(folder, e.Name())
			info, err := os.Stat(path) // a link counts as what it leads to
			if !fixture.IsFixture(path) || err != nil || !info.Mode().IsRegular() {
				continue
			}
			files = append(files, path)
			fmt.Fprintln(&marks, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return files, marks.String()
}

// try runs the tests of files on the policies in force.
func try(ctx context.Context, now *generation, files []string) (*trial, error) {
	o, err := now.offline()
	if err != nil {
		return nil, err
	}
	out := &trial{coverage: policy.NewCoverage(), whole: true}
	s := &subjectsInForce{subjects{offline: o, compiler: &policy.Compiler{}, files: map[string]fixture.Subject{}}}
	for i, path := range files {
		if ctx.Err() != nil || i >= maxTestFiles || len(out.tests) >= maxTests {
			out.whole = false
			break
		}
		if info, err := os.Stat(path); err == nil && info.Size() > maxTestFile {
			out.faults = append(out.faults, policy.Visible(fmt.Sprintf("%s: more than %d KiB", path, maxTestFile>>10)))
			continue
		}
		f, err := fixture.Read(path)
		if err != nil {
			out.faults = append(out.faults, policy.Visible(err.Error()))
			continue
		}
		out.run(ctx, f, s)
	}
	return out, nil
}

func (t *trial) run(ctx context.Context, f *fixture.File, s fixture.Subjects) {
	for _, r := range fixture.Run(ctx, f, s, t.coverage) {
		if ctx.Err() != nil {
			t.whole = false
			return // what failed now failed for want of time
		}
		t.tests = append(t.tests, &consolepb.PolicyTest{
			Name: policy.Visible(r.Test.Name), File: policy.Visible(f.Path), Line: int32(r.Test.Line), Subject: policy.Visible(r.Subject),
			Want: string(r.Test.Want), Problem: policy.Visible(r.Problem),
		})
	}
}

// covered counts the tests about some subjects, and what of c they left.
func (t *trial) covered(c *policy.Coverage, about func(subject string) bool) *consolepb.Coverage {
	out := &consolepb.Coverage{}
	for _, one := range t.tests {
		if about(one.Subject) {
			out.Tests++
			if one.Problem != "" {
				out.Failed++
			}
		}
	}
	touched, all := c.Seen()
	out.Touched, out.Branches = int32(touched), int32(all)
	for _, u := range c.Report() {
		if len(out.Untouched) == shownUntouched {
			break
		}
		out.Untouched = append(out.Untouched, &consolepb.UntouchedRule{
			File: policy.Visible(u.File), Line: int32(u.Line), Policy: policy.Visible(u.Policy), Rule: policy.Visible(u.Rule), Never: u.Never,
		})
	}
	return out
}

// coverageOf says how far tests have gone through the rules of a route, whose
// explanation is x. Tests of a policy count for every route that it is on.
func (h insight) coverageOf(ctx context.Context, now *generation, shown *consolepb.Route, x *policy.Explanation) (*consolepb.Coverage, error) {
	t, err := h.trials.of(ctx, now)
	if err != nil {
		return nil, err
	}
	about := map[string]bool{"route " + shown.From: true}
	for _, name := range shown.Policies {
		about["policy "+name] = true
	}
	return t.covered(t.coverage.Of(x), func(subject string) bool { return about[subject] }), nil
}

// subjectsInForce finds what tests name among the policies in force: a file is
// the policy that was read from it.
type subjectsInForce struct{ subjects }

var errNotInForce = errors.New("no policy in force comes from it")

// File is that of fixture.Subjects.
func (s *subjectsInForce) File(ctx context.Context, path string) (fixture.Subject, error) {
	path = filepath.Clean(path)
	if s.isConfiguration(path) {
		return fixture.Subject{}, fixture.ErrConfiguration
	}
	for _, p := range s.offline.config.Policies {
		if p.File != s.offline.config.Document && filepath.Clean(p.File) == path {
			return s.alone(ctx, p)
		}
	}
	return fixture.Subject{}, fmt.Errorf("%s: %w", path, errNotInForce)
}
