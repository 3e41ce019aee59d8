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

// accountCommand makes service accounts and deletes them.
func accountCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "service-account", Short: "Programs that come in to a running instance by a token", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(accountListCommand(env, t), accountCreateCommand(env, t), accountDeleteCommand(env, t))
	return cmd
}

func accountListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListServiceAccountsRequest{Page: &consolepb.PageRequest{}}
	cmd := &cobra.Command{
		Use: "list", Short: "List service accounts", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(&to, cmd, env, t, consolepb.NewServiceAccountServiceClient, consolepb.ServiceAccountServiceClient.ListServiceAccounts, req, writeAccounts)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "name, expires or created")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the id, the name, the owner or a group")
	return cmd
}

func writeAccounts(t terminal, out *consolepb.ListServiceAccountsResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSTATE\tUNTIL\tLAST USED\tOWNER\tGROUPS")
	for _, a := range out.Accounts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(a.Id), plain(a.Name),
			strings.ToLower(strings.TrimPrefix(a.State.String(), "SERVICE_ACCOUNT_STATE_")), moment(a.ExpiresAt), moment(a.LastUsedAt),
			plain(a.Owner), plain(strings.Join(a.Groups, ", ")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Accounts), out.Page)
}

func accountCreateCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	var life time.Duration
	req := &consolepb.CreateServiceAccountRequest{}
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a service account and print its token, this once", Args: cobra.ExactArgs(1),
		Example: "  cardea service-account create backup --group robots --for 720h --config config.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Name, req.Lifetime = args[0], durationpb.New(life)
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewServiceAccountServiceClient(conn).CreateServiceAccount(ctx, req)
				if err != nil {
					return err
				}
				return to.print(t, out, func() error {
					// The token alone on standard output: for a pipe into where it is kept.
					if _, err := fmt.Fprintf(t.err, "made %s until %s; its token, told this once:\n", plain(out.Account.Id), moment(out.Account.ExpiresAt)); err != nil {
						return err
					}
					return sayTo(t, "%s\n", out.Token)
				})
			})
		},
	}
	to.add(cmd)
	cmd.Flags().StringVar(&req.Owner, "owner", "", "key of the person who answers for it, as \"cardea user list\" shows it")
	cmd.Flags().StringArrayVar(&req.Groups, "group", nil, "a group, as policies name it; may be given several times")
	cmd.Flags().DurationVar(&life, "for", 0, "how long it lives, up to console.max_service_account (required)")
	_ = cmd.MarkFlagRequired("for") // it has just been declared
	return cmd
}

func accountDeleteCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Delete a service account: its token opens nothing any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewServiceAccountServiceClient(conn).DeleteServiceAccount(ctx, &consolepb.DeleteServiceAccountRequest{Id: args[0]})
				if err != nil {
					return err
				}
				return to.print(t, out, func() error { return sayTo(t, "deleted %s\n", plain(args[0])) })
			})
		},
	}
	to.add(cmd)
	return cmd
}
