package main

import (
	"context"
	"fmt"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"google.golang.org/grpc"
)

// sessionImpersonateCommand ends what administrators begin in the console. It
// begins nothing: an operator has no session, and what they would plant in an
// administrator's would be done in that administrator's name.
func sessionImpersonateCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "impersonate",
		Short: "End that an administrator's session acts as another person",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var to consoleFlags
	stop := &cobra.Command{
		Use: "stop SESSION", Short: "Make a session act as its own person again", Args: cobra.ExactArgs(1),
		Long: "Make a session act as its own person again.\n\nThe session is the administrator's, as \"cardea audit list --action impersonation.start\" names it.\n" +
			"Acting as a person begins in the console alone.",
		RunE: func(cmd *cobra.Command, ids []string) error {
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewImpersonationServiceClient(conn).StopImpersonation(ctx, &consolepb.StopImpersonationRequest{SessionId: ids[0]})
				if err != nil {
					return err
				}
				return to.print(t, out, func() error {
					_, err := fmt.Fprintf(t.out, "session %s is its own person's again\n", plain(ids[0]))
					return err
				})
			})
		},
	}
	to.add(stop)
	cmd.AddCommand(stop)
	return cmd
}
