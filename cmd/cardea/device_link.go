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

// deviceLinkCommand is about the links by which people enroll approved devices.
func deviceLinkCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Make links by which one person enrolls one device that is approved from the start",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(linkCreateCommand(env, t), linkListCommand(env, t), linkRevokeCommand(env, t))
	return cmd
}

func linkCreateCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.CreateEnrollmentLinkRequest{}
	var valid time.Duration
	cmd := &cobra.Command{
		Use: "create --user KEY", Short: "Make a link and print it, this once", Args: cobra.NoArgs,
		Example: "  cardea device link create --user local/ada --redirect https://app.example.com/ --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkDeviceType(req.Type); err != nil {
				return err
			}
			req.ValidFor = durationpb.New(valid)
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				out, err := consolepb.NewDeviceServiceClient(conn).CreateEnrollmentLink(ctx, req)
				if err != nil {
					return err
				}
				return to.print(t, out, func() error {
					_, err := fmt.Fprintln(t.out, out.Url)
					if err == nil {
						_, err = fmt.Fprintf(t.err, "link %s for %s, until %s\n", out.Link.Id, plain(out.Link.UserKey), moment(out.Link.ExpiresAt))
					}
					return err
				})
			})
		},
	}
	to.add(cmd)
	cmd.Flags().StringVar(&req.UserKey, "user", "", "key of the person, as \"cardea user list\" shows it")
	cmd.Flags().StringVar(&req.RedirectUrl, "redirect", "", "where to go afterwards: an https address of a route")
	cmd.Flags().StringVar(&req.Type, "type", "any", "any or enclave_only")
	cmd.Flags().DurationVar(&valid, "valid", 24*time.Hour, "how long it holds, up to 168h")
	_ = cmd.MarkFlagRequired("user") // it is declared above
	return cmd
}

func linkListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListEnrollmentLinksRequest{Page: &consolepb.PageRequest{}}
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List links, without their addresses", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch state {
			case "":
			case "waiting", "used", "expired":
				req.State = consolepb.EnrollmentLinkState(consolepb.EnrollmentLinkState_value[linkStatePrefix+strings.ToUpper(state)])
			default:
				return fmt.Errorf("--state: want waiting, used or expired, not %q", state)
			}
			return ask(&to, cmd, env, t, consolepb.NewDeviceServiceClient, consolepb.DeviceServiceClient.ListEnrollmentLinks, req, writeLinks)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "created, expires or person")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the id or in who made it, or in the person's name, address or id")
	cmd.Flags().StringVar(&req.UserKey, "user", "", "key of a person, as \"cardea user list\" shows it")
	cmd.Flags().StringVar(&state, "state", "", "waiting, used or expired")
	return cmd
}

const linkStatePrefix = "ENROLLMENT_LINK_STATE_"

func writeLinks(t terminal, out *consolepb.ListEnrollmentLinksResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "LINK\tPERSON\tSTATE\tTYPE\tMADE BY\tENDS\tDEVICE")
	for _, l := range out.Links {
		device := l.DeviceId
		if device == "" {
			device = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(l.Id), plain(l.UserEmail), strings.ToLower(strings.TrimPrefix(l.State.String(), linkStatePrefix)),
			plain(l.Type), plain(l.CreatedBy), moment(l.ExpiresAt), plain(device))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Links), out.Page)
}

func linkRevokeCommand(env *viper.Viper, t terminal) *cobra.Command {
	return deviceChange{"link", "revoke", "Take links back that nobody has used", "revoked", func(ctx context.Context, c consolepb.DeviceServiceClient, id string) error {
		_, err := c.RevokeEnrollmentLink(ctx, &consolepb.RevokeEnrollmentLinkRequest{Id: id})
		return err
	}}.command(env, t)
}
