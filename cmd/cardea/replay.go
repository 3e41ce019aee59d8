package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/envoy/xds"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// errFlips is returned where a proposed configuration decides otherwise.
var errFlips = errors.New("decisions flip")

// maxFlips bounds how many kinds of flips are listed; all are counted.
const maxFlips = 1000

func replayCommand(env *viper.Viper, t terminal) *cobra.Command {
	var decisions, sinceText string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay --config NEW --decisions FILE",
		Short: "Run a proposed configuration over recorded decisions; exit 3 when somebody flips",
		Long: "Decides every recorded request again by the configuration of --config, and lists\n" +
			"who would be decided about otherwise, and why. What a policy reads and was not\n" +
			"recorded is \"cannot tell\", and counted.\n\n" +
			"--decisions is a file that \"cardea policy decisions\" wrote, or the sealed folder\n" +
			"of an instance (<data_dir>/decisions), which takes the same shared secret.\n\n" +
			"Exit status: 0 nobody flips, 1 something went wrong, 3 somebody flips.",
		Example: "  cardea policy decisions --config config.yaml --since 24h > decisions.jsonl\n" +
			"  cardea policy replay --config proposed.yaml --decisions decisions.jsonl",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if decisions == "" {
				return errors.New("replay: want --decisions FILE")
			}
			since, err := parseSince(sinceText, time.Now())
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			o, err := newOffline(cmd.Context(), source(cmd, env))
			if err != nil {
				return err
			}
			entries, closeEntries, err := recordedEntries(cmd.Context(), o.config, decisions, since)
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			defer closeEntries()
			r, err := o.replay(cmd.Context(), entries)
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			if asJSON {
				err = writeJSON(t.out, r)
			} else {
				err = r.text(t.out)
			}
			if err == nil && r.Flipped > 0 {
				return errFlips
			}
			return err
		},
	}
	cmd.Flags().StringVar(&decisions, "decisions", "", "recorded decisions: an exported file, or a sealed folder or file")
	cmd.Flags().StringVar(&sinceText, "since", "", "only decisions since then: a time, or how long ago, such as 24h")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// parseSince reads a time or how long ago; "" is the beginning.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("--since: %q is neither a time such as 2026-06-03T10:00:00Z nor a duration such as 24h", text)
	}
	return at, nil
}

// recordedEntries opens recorded decisions in either form.
func recordedEntries(ctx context.Context, cfg *config.Config, path string, since time.Time) (iter.Seq2[journal.Entry, error], func(), error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() || !isText(path) {
		root, err := knownKey(cfg)
		if err != nil {
			return nil, nil, err
		}
		r, err := journal.OpenReader(path, journalKey(root))
		if err != nil {
			return nil, nil, err
		}
		return r.Read(ctx, since), func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	named := func(yield func(journal.Entry, error) bool) {
		for e, err := range journal.Import(f) {
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			} else if e.Time.Before(since) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
	return named, func() { _ = f.Close() }, nil // only read from
}

// isText reports whether a file holds lines of JSON rather than what is sealed.
func isText(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read from
	var first [1]byte
	n, err := f.Read(first[:])
	return n == 0 && errors.Is(err, io.EOF) || n == 1 && first[0] == '{'
}

// A replayed says what a proposed configuration makes of recorded decisions.
type replayed struct {
	Decisions  int `json:"decisions"`
	Same       int `json:"same"`
	Flipped    int `json:"flipped"`
	CannotTell int `json:"cannot_tell"`
	// Passed over are decisions that no policy made: unknown routes, malformed
	// requests, faults.
	PassedOver int         `json:"passed_over"`
	Flips      []*flip     `json:"flips"`
	Unknown    []*unsureOf `json:"unknown"`
}

// A flip is a person on a route who would be decided about otherwise.
type flip struct {
	Person string   `json:"person"` // "" for nobody
	Route  string   `json:"route"`
	Before string   `json:"before"`
	After  string   `json:"after"`
	Why    []string `json:"why"`
	Count  int      `json:"count"`
	// Of the first such request:
	Request string    `json:"request"`
	Time    time.Time `json:"time"`
	Method  string    `json:"method"`
	Path    string    `json:"path"`
}

// An unsureOf is a reason for which nothing can be told.
type unsureOf struct {
	Why   string `json:"why"`
	Count int    `json:"count"`
}

// A replaying is one run over recorded decisions.
type replaying struct {
	*offline
	out   *replayed
	flips map[[4]string]*flip
	why   map[string]*unsureOf
}

func (o *offline) replay(ctx context.Context, entries iter.Seq2[journal.Entry, error]) (*replayed, error) {
	r := &replaying{offline: o, out: &replayed{Flips: []*flip{}, Unknown: []*unsureOf{}}, flips: map[[4]string]*flip{}, why: map[string]*unsureOf{}}
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.out.Decisions++
		if err := r.one(ctx, &e); err != nil {
			return nil, err
		}
	}
	byCount := func(a, b int) int { return b - a }
	slices.SortStableFunc(r.out.Flips, func(a, b *flip) int { return byCount(a.Count, b.Count) })
	slices.SortStableFunc(r.out.Unknown, func(a, b *unsureOf) int { return byCount(a.Count, b.Count) })
	return r.out, nil
}

// one decides about one recorded request again.
func (r *replaying) one(ctx context.Context, e *journal.Entry) error {
	if e.RouteID == "" || e.Outcome == "fault" || e.Outcome == "malformed" {
		r.out.PassedOver++
		return nil
	}
	s, err := scenarioOf(e)
	if err != nil {
		r.cannotTell(err.Error())
		return nil
	}
	// Without the query, which chooses no route: some of what stands in queries
	// is more than the matcher can be sure of.
	f, err := r.match(xds.MatchRequest{Method: e.Method, Host: e.Host, Path: e.RawPath, Normalised: true})
	switch {
	case err != nil:
		r.cannotTell(err.Error())
		return nil
	case f.program == nil:
		r.flip(e, s.Person, "not-found", []string{f.why})
		return nil
	}
	if what := unknown(e, f.program.Reads()); what != "" {
		r.cannotTell(what)
		return nil
	}
	facts := s.Facts()
	d := f.program.Decide(ctx, facts)
	after := authorize.OutcomeOf(d, s.Person != nil)
	if e.ImpersonatedBy != "" {
		after = authorize.StandInOutcome(after)
	}
	if sameOutcome(e.Outcome, after) {
		r.out.Same++
		return nil
	}
	why, err := r.decided(ctx, f.program, s)
	if err != nil {
		return err
	}
	r.flip(e, s.Person, after, why)
	return nil
}

// sameOutcome reports whether before is what after comes to for that person: to
// a policy, one whose account is shut or whose session is not valid yet is
// nobody.
func sameOutcome(before, after string) bool {
	return before == after || after == "sign-in" && (before == "disabled" || before == "clock-skew")
}

// decided names the rules that decide.
func (r *replaying) decided(ctx context.Context, p *policy.Program, s policy.Scenario) ([]string, error) {
	if len(r.out.Flips) >= maxFlips {
		return nil, nil // it would not be shown
	}
	x, err := p.Explain(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(x.Decided) == 0 {
		return []string{x.Why}, nil
	}
	return x.Decided, nil
}

func (r *replaying) cannotTell(why string) {
	r.out.CannotTell++
	u := r.why[why]
	if u == nil {
		u = &unsureOf{Why: why}
		r.why[why] = u
		r.out.Unknown = append(r.out.Unknown, u)
	}
	u.Count++
}

func (r *replaying) flip(e *journal.Entry, p *policy.PersonData, after string, why []string) {
	if sameOutcome(e.Outcome, after) {
		r.out.Same++
		return
	}
	r.out.Flipped++
	person := requestOf(e, p).who()
	key := [4]string{person, e.From, e.Outcome, after}
	one := r.flips[key]
	if one == nil {
		one = &flip{
			Person: person, Route: e.From, Before: e.Outcome, After: after, Why: why,
			Request: e.RequestID, Time: e.Time, Method: e.Method, Path: e.RawPath,
		}
		r.flips[key] = one
		if len(r.out.Flips) < maxFlips {
			r.out.Flips = append(r.out.Flips, one)
		}
	}
	one.Count++
}

// text writes the result for a terminal.
func (r *replayed) text(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Flips {
		person := f.Person
		if person == "" {
			person = "nobody signed in"
		}
		fmt.Fprintf(&b, "%s on %s: %s, was %s (%d)\n", policy.Visible(person), policy.Visible(f.Route), f.After, policy.Visible(f.Before), f.Count)
		fmt.Fprintf(&b, "    first: %s %s at %s, request %s\n", policy.Visible(f.Method), policy.Visible(f.Path), f.Time.UTC().Format(time.RFC3339), policy.Visible(f.Request))
		for _, why := range f.Why {
			fmt.Fprintf(&b, "    %s\n", policy.Visible(why))
		}
	}
	if n := len(r.Flips); n == maxFlips {
		fmt.Fprintf(&b, "more are not listed\n")
	}
	fmt.Fprintf(&b, "%d decisions: %d the same, %d flip, %d cannot tell, %d passed over\n",
		r.Decisions, r.Same, r.Flipped, r.CannotTell, r.PassedOver)
	for _, u := range r.Unknown {
		fmt.Fprintf(&b, "    cannot tell (%d): %s\n", u.Count, policy.Visible(u.Why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func allVisible(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = policy.Visible(s)
	}
	return out
}

// decisionsCommand writes recorded decisions as lines of JSON.
func decisionsCommand(env *viper.Viper, t terminal) *cobra.Command {
	var socket, sinceText string
	cmd := &cobra.Command{
		Use:   "decisions",
		Short: "Write the decisions that a running instance has recorded, for replay elsewhere",
		Long: "Writes recorded decisions to standard output, one JSON object each line. They name\n" +
			"people and what they asked for: keep them as you would keep a log.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			since, err := parseSince(sinceText, time.Now())
			if err != nil {
				return fmt.Errorf("decisions: %w", err)
			}
			path, err := socketOf(cmd.Context(), cmd, env, socket)
			if err != nil {
				return err
			}
			query := map[string][]string{"since": {since.UTC().Format(time.RFC3339)}}
			body, err := newAdminClient(path).get(cmd.Context(), "/v1/decisions", query)
			if err != nil {
				return fmt.Errorf("decisions: %w", err)
			}
			defer func() { _ = body.Close() }() // only read from
			_, err = io.Copy(t.out, body)
			return err
		},
	}
	cmd.Flags().StringVar(&socket, "socket", "", "administrator's socket (default: in the data_dir of --config)")
	cmd.Flags().StringVar(&sinceText, "since", "", "only decisions since then: a time, or how long ago, such as 24h")
	return cmd
}
