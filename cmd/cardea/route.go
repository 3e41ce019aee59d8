package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
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
			return ask(&to, cmd, env, t, consolepb.NewRouteServiceClient, consolepb.RouteServiceClient.ListRoutes, req, writeRoutes)
		},
	}
	to.add(list)
	pageFlags(list, req.Page, "position, from, rules or shadow")
	list.Flags().StringVar(&req.Search, "search", "", "text in the address, name, description or a policy's name")
	list.Flags().StringVar(&req.Policy, "policy", "", "routes that this policy is on alone")
	cmd.AddCommand(list, showRouteCommand(env, t))
	return cmd
}

// showRouteCommand shows what decides about one route, and how far tests go.
func showRouteCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	show := &cobra.Command{
		Use: "show ID", Short: "Show a route with its rules, policies and the coverage by tests", Args: cobra.ExactArgs(1),
		Long: "Shows a route in force. Its id is in --json of list, and on its page in the console.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(&to, cmd, env, t, consolepb.NewRouteServiceClient, consolepb.RouteServiceClient.GetRoute, &consolepb.GetRouteRequest{Id: args[0]}, writeRoute)
		},
	}
	to.add(show)
	return show
}

func writeRoute(t terminal, out *consolepb.GetRouteResponse) error {
	r := out.Route
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  leads to  %s\n  stands in %s:%d, as number %d\n", strings.TrimSpace(plain(r.From)+" "+plain(r.Matches)), plain(strings.Join(r.To, ", ")), plain(r.File), r.Line, r.Position)
	for _, p := range out.Policies {
		fmt.Fprintf(&b, "  policy    %s (%s:%d)\n", plain(p.Name), plain(p.File), p.Line)
	}
	for _, s := range out.Shadows {
		fmt.Fprintf(&b, "  shadow    %s would have said %s %d times, and it was %s\n", plain(s.Policy), plain(s.Would), s.Count, plain(s.Outcome))
	}
	c := out.Coverage
	fmt.Fprintf(&b, "  tests     %d, %d failed; %d of %d branches touched\n", c.GetTests(), c.GetFailed(), c.GetTouched(), c.GetBranches())
	for _, u := range c.GetUntouched() {
		fmt.Fprintf(&b, "            %s:%d: %s: never %s\n", plain(u.File), u.Line, plain(u.Rule), u.Never)
	}
	b.WriteByte('\n')
	for line := range strings.Lines(out.Rego) {
		fmt.Fprintln(&b, plain(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "  ")))
	}
	_, err := io.WriteString(t.out, b.String())
	return err
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
