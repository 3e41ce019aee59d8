package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"google.golang.org/grpc"
)

// routeCommand shows the routes of a running instance.
func routeCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "route", Short: "See which routes are in force on a running instance", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var to consoleFlags
	req := &consolepb.ListRoutesRequest{Page: &consolepb.PageRequest{}}
	list := &cobra.Command{
		Use: "list", Short: "List routes, in the order in which they are tried", Args: cobra.NoArgs,
		Example: "  cardea route list --policy operations --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewRouteServiceClient(conn).ListRoutes(ctx, req)
				if err != nil {
					return err
				}
				return to.print(t, out, func() error { return writeRoutes(t, out) })
			})
		},
	}
	to.add(list)
	pageFlags(list, req.Page, "position, from, rules or shadow")
	list.Flags().StringVar(&req.Search, "search", "", "text in the address, name, description or a policy's name")
	list.Flags().StringVar(&req.Policy, "policy", "", "routes that this policy is on alone")
	cmd.AddCommand(list)
	return cmd
}

func writeRoutes(t terminal, out *consolepb.ListRoutesResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ORDER\tFROM\tMATCHES\tTO\tPLACE\tRULES\tPOLICIES\tSHADOW")
	for _, r := range out.Routes {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s:%d\t%d\t%s\t%d\n", r.Position, plain(r.From), plain(r.Matches), plain(strings.Join(r.To, ", ")),
			plain(r.File), r.Line, r.Rules, plain(strings.Join(r.Policies, ", ")), r.ShadowDisagreements)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Routes), out.Page)
}
