package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

// requestCommand decides about requests for access.
func requestCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "request", Short: "See who asks a running instance for access, and decide", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(requestListCommand(env, t), requestApproveCommand(env, t), requestRefuseCommand(env, t))
	return cmd
}

func requestListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListAccessRequestsRequest{Page: &consolepb.PageRequest{}}
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List requests for access, what waits in front", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			value, known := consolepb.AccessRequestState_value["ACCESS_REQUEST_STATE_"+strings.ToUpper(state)]
			if state != "" && (!known || value == 0) {
				return fmt.Errorf("--state: want waiting, granted, refused, withdrawn or over, not %q", state)
			}
			if state != "" {
				req.State = consolepb.AccessRequestState(value)
			}
			return ask(&to, cmd, env, t, consolepb.NewAccessServiceClient, consolepb.AccessServiceClient.ListAccessRequests, req, writeRequests)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "state or created")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the application, the grant, the reason or the person")
	cmd.Flags().StringVar(&req.UserKey, "user", "", "key of a person, as \"cardea user list\" shows it")
	cmd.Flags().StringVar(&state, "state", "", "waiting, granted, refused, withdrawn or over")
	return cmd
}

func writeRequests(t terminal, out *consolepb.ListAccessRequestsResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "REQUEST\tPERSON\tSTATE\tASKED\tUNTIL\tAPPLICATION\tGRANT\tREASON")
	for _, r := range out.Requests {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(r.Id), plain(r.Email),
			strings.ToLower(strings.TrimPrefix(r.State.String(), "ACCESS_REQUEST_STATE_")), moment(r.CreatedAt), moment(r.Until),
			plain(r.Route), plain(r.Grant), plain(r.Reason))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Requests), out.Page)
}

func requestApproveCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	var length time.Duration
	cmd := &cobra.Command{
		Use: "approve REQUEST", Short: "Grant what was asked for, for a time", Args: cobra.ExactArgs(1),
		Example: "  cardea request approve KZ3… --for 8h --config config.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewAccessServiceClient(conn).ApproveAccessRequest(ctx, &consolepb.ApproveAccessRequestRequest{
					Id: args[0], Duration: durationpb.New(length),
				})
				if err != nil {
					return err
				}
				return to.print(t, out, func() error { return sayGrant(t, out.Grant) })
			})
		},
	}
	to.add(cmd)
	cmd.Flags().DurationVar(&length, "for", time.Hour, "how long, up to console.max_grant")
	return cmd
}

func sayGrant(t terminal, g *consolepb.Grant) error {
	who := g.Email
	if who == "" {
		who = g.UserKey
	}
	return sayTo(t, "granted %s to %s until %s: %s\n", plain(g.Name), plain(who), moment(g.ExpiresAt), plain(g.Id))
}

func requestRefuseCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.RefuseAccessRequestRequest{}
	cmd := &cobra.Command{
		Use: "refuse REQUEST", Short: "Refuse what was asked for", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Id = args[0]
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewAccessServiceClient(conn).RefuseAccessRequest(ctx, req)
				if err != nil {
					return err
				}
				return to.print(t, out, func() error { return sayTo(t, "refused %s\n", plain(args[0])) })
			})
		},
	}
	to.add(cmd)
	cmd.Flags().StringVar(&req.Note, "note", "", "what to tell who has asked")
	return cmd
}

// grantCommand grants for a time, and ends grants.
func grantCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "grant", Short: "See what is granted for a time on a running instance, grant, and end", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(grantListCommand(env, t), grantCreateCommand(env, t), grantEndCommand(env, t))
	return cmd
}

func grantListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListGrantsRequest{Page: &consolepb.PageRequest{}}
	cmd := &cobra.Command{
		Use: "list", Short: "List grants that are in force", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(&to, cmd, env, t, consolepb.NewAccessServiceClient, consolepb.AccessServiceClient.ListGrants, req, writeGrants)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "expires, granted or name")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the grant, the reason or the person")
	cmd.Flags().StringVar(&req.UserKey, "user", "", "key of a person, as \"cardea user list\" shows it")
	return cmd
}

func writeGrants(t terminal, out *consolepb.ListGrantsResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tGRANT\tPERSON\tUNTIL\tBY\tREASON\tUSER")
	for _, g := range out.Grants {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(g.Id), plain(g.Name), plain(g.Email), moment(g.ExpiresAt),
			plain(g.GrantedBy), plain(g.Reason), plain(g.UserKey))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Grants), out.Page)
}

func grantCreateCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	var length time.Duration
	req := &consolepb.CreateGrantRequest{}
	cmd := &cobra.Command{
		Use: "create USER GRANT", Short: "Grant a person what they have not asked for", Args: cobra.ExactArgs(2),
		Example: "  cardea grant create 1a2b…/ada dba --for 8h --reason \"incident 42\" --config config.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			req.UserKey, req.Name, req.Duration = args[0], args[1], durationpb.New(length)
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewAccessServiceClient(conn).CreateGrant(ctx, req)
				if err != nil {
					return err
				}
				return to.print(t, out, func() error { return sayGrant(t, out.Grant) })
			})
		},
	}
	to.add(cmd)
	cmd.Flags().DurationVar(&length, "for", time.Hour, "how long, up to console.max_grant")
	cmd.Flags().StringVar(&req.Reason, "reason", "", "why; it stays with the grant and in the audit (required)")
	return cmd
}

func grantEndCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	cmd := &cobra.Command{
		Use: "end ID", Short: "End a grant before its time", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewAccessServiceClient(conn).EndGrant(ctx, &consolepb.EndGrantRequest{Id: args[0]})
				if err != nil {
					return err
				}
				return to.print(t, out, func() error { return sayTo(t, "ended %s\n", plain(args[0])) })
			})
		},
	}
	to.add(cmd)
	return cmd
}
