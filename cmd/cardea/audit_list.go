package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

func auditListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var q audit.Query
	var since, until string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List what was done, newest first", Args: cobra.NoArgs,
		Example: "  cardea audit list --config config.yaml --since 24h --actor ada@example.com\n" +
			"  cardea audit list --config config.yaml --action device. --json",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			now := time.Now()
			if q.Since, err = parseSince(since, now); err != nil {
				return fmt.Errorf("audit: %w", err)
			}
			if q.Until, err = parseSince(until, now); err != nil {
				return fmt.Errorf("audit: %s", strings.Replace(err.Error(), "--since", "--until", 1))
			}
			if q.Limit < 1 {
				return errors.New("audit: --limit: want at least 1")
			}
			return withAudit(cmd, env, func(_ *config.Config, from *auditSource) error {
				return listAudit(cmd.Context(), from, q, asJSON, t)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "only since then: a time, or how long ago, such as 24h")
	f.StringVar(&until, "until", "", "only before then: a time, or how long ago")
	f.StringVar(&q.Actor, "actor", "", "part of the name, the address or the key of who did it")
	f.StringVar(&q.Action, "action", "", "what was done, such as device.approve, or device. for all of that kind")
	f.StringVar(&q.Object, "object", "", "what it was done to: a type, or type/id")
	f.StringVar(&q.Subject, "about", "", "key of the person whom it is about")
	f.IntVar(&q.Limit, "limit", audit.DefaultLimit, "how many at most")
	f.BoolVar(&q.Each, "each", false, "show every entry, not one line for each change")
	f.BoolVar(&asJSON, "json", false, "print JSON, one object each line")
	return cmd
}

// listAudit writes up to q.Limit rows, page by page.
func listAudit(ctx context.Context, from *auditSource, q audit.Query, asJSON bool, t terminal) error {
	shown := 0
	for left := q.Limit; left > 0; {
		q.Limit = min(left, audit.MaxLimit)
		page, err := from.page(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page.Rows {
			if err := writeRow(t.out, &r, asJSON); err != nil {
				return err
			}
		}
		shown += len(page.Rows)
		left -= len(page.Rows)
		if q.Before = page.Next; q.Before == 0 {
			break
		}
	}
	if shown == 0 {
		_, err := fmt.Fprintln(t.err, "nothing")
		return err
	}
	return nil
}

func writeRow(w io.Writer, r *audit.Row, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	if r.Damaged != "" {
		_, err := fmt.Fprintf(w, "#%d is damaged: %s\n", r.Sequence, policy.Visible(r.Damaged))
		return err
	}
	who := r.Actor.Email
	for _, other := range []string{r.Actor.Name, r.Actor.UserKey, "somebody"} {
		if who == "" {
			who = other
		}
	}
	line := fmt.Sprintf("%s  #%d  %s by %s  %s  %s/%s  %s", r.Time.UTC().Format(time.RFC3339), r.Sequence,
		word(who), word(r.Actor.Via), word(string(r.Action)), word(r.ObjectType), word(r.ObjectID), word(string(r.Outcome)))
	if r.Problem != "" {
		line += ": " + policy.Visible(r.Problem)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// word quotes what is more than one word, or would pass for a quoted one: no name
// can pretend to be a column.
func word(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == '"' }) {
		return strconv.Quote(s)
	}
	return s
}

func auditExportCommand(env *viper.Viper, t terminal) *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Write all of it as lines of JSON, with the hashes, to be verified elsewhere", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAudit(cmd, env, func(_ *config.Config, from *auditSource) error {
				return audit.WriteLines(t.out, from.lines(cmd.Context()))
			})
		},
	}
}

func auditKeyCommand(env *viper.Viper, t terminal) *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the public key that heads are checked with", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := source(cmd, env).Load(cmd.Context())
			if err != nil {
				return err
			}
			root, err := knownKey(cfg)
			if err != nil {
				return fmt.Errorf("audit: %w", err)
			}
			_, err = fmt.Fprintln(t.out, audit.KeyText(publicAuditKey(root)))
			return err
		},
	}
}
