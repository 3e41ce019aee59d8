package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cardea-proxy/cardea/policy"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// socketOf is the administrator's socket that the flags mean: the one given, or
// the one in the data folder of the configuration.
func socketOf(ctx context.Context, cmd *cobra.Command, env *viper.Viper, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	cfg, err := source(cmd, env).Load(ctx)
	if err != nil {
		return "", err
	}
	return adminSocket(cfg), nil
}

// explainRecorded asks a running instance about a request it has decided.
func explainRecorded(ctx context.Context, cmd *cobra.Command, env *viper.Viper, a asked, t terminal) error {
	socket, err := socketOf(ctx, cmd, env, a.socket)
	if err != nil {
		return err
	}
	var x explained
	if err := newAdminClient(socket).json(ctx, "/v1/explanations/"+url.PathEscape(a.request), &x); err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	if a.json {
		return writeJSON(t.out, x)
	}
	return x.text(t.out)
}

// text writes the explanation for a terminal.
func (x *explained) text(w io.Writer) error {
	var b strings.Builder
	q := x.Request
	who := policy.Visible(q.who())
	if who == "" {
		who = "nobody signed in"
	}
	fmt.Fprintf(&b, "request %s\n  %s %s\n  %s from %s, %s\n  route %s\n", policy.Visible(q.ID), policy.Visible(q.Method), policy.Visible(q.Host+q.Path),
		who, policy.Visible(orUnknown(q.IP)), q.Time.Local().Format(time.RFC1123), policy.Visible(orUnknown(q.Route)))
	fmt.Fprintf(&b, "decided then: %s (allow %t %v, deny %t %v)\n",
		policy.Visible(x.Outcome), x.Allow, allVisible(x.AllowWhy), x.Deny, allVisible(x.DenyWhy))
	for _, r := range x.Remarks {
		fmt.Fprintf(&b, "remark: %s\n", policy.Visible(r))
	}
	if _, err := io.WriteString(w, b.String()); err != nil || x.Explanation == nil {
		return err
	}
	return x.Explanation.Text(w)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// shadowCommand shows what shadow policies would have done.
func shadowCommand(env *viper.Viper, t terminal) *cobra.Command {
	var socket string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "shadow",
		Short: "Show where shadow policies of a running instance disagree",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := socketOf(cmd.Context(), cmd, env, socket)
			if err != nil {
				return err
			}
			var r shadowReport
			if err := newAdminClient(path).json(cmd.Context(), "/v1/shadows", &r); err != nil {
				return fmt.Errorf("shadow: %w", err)
			}
			if asJSON {
				return writeJSON(t.out, r)
			}
			return r.text(t.out)
		},
	}
	cmd.Flags().StringVar(&socket, "socket", "", "administrator's socket (default: in the data_dir of --config)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (r *shadowReport) text(w io.Writer) error {
	if len(r.Policies) == 0 && len(r.Counts) == 0 {
		_, err := fmt.Fprintln(w, "no policy has shadow: true")
		return err
	}
	if len(r.Counts) == 0 {
		_, err := fmt.Fprintf(w, "%s: no disagreement since the start\n", strings.Join(r.Policies, ", "))
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "POLICY\tROUTE\tDECIDED\tWOULD HAVE BEEN\tREQUESTS"); err != nil {
		return err
	}
	for _, c := range r.Counts {
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\n", c.Policy, orUnknown(c.From), c.Outcome, c.Would, c.Count); err != nil {
			return err
		}
	}
	return table.Flush()
}
