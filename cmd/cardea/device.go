package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"google.golang.org/grpc"
)

// deviceCommand is about the devices that people have enrolled with a running
// instance.
func deviceCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "device",
		Short: "See the devices that people enroll on a running instance, and decide about them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(deviceListCommand(env, t), deviceShowCommand(env, t), deviceLinkCommand(env, t))
	for _, one := range []deviceChange{
		{"device", "approve", "Let devices open what asks for approved ones", "approved", func(ctx context.Context, c consolepb.DeviceServiceClient, id string) error {
			_, err := c.ApproveDevice(ctx, &consolepb.ApproveDeviceRequest{Id: id})
			return err
		}},
		{"device", "disapprove", "Take the approval of devices back", "disapproved", func(ctx context.Context, c consolepb.DeviceServiceClient, id string) error {
			_, err := c.DisapproveDevice(ctx, &consolepb.DisapproveDeviceRequest{Id: id})
			return err
		}},
		{"device", "delete", "Delete devices: their owners have to enroll anew", "deleted", func(ctx context.Context, c consolepb.DeviceServiceClient, id string) error {
			_, err := c.DeleteDevice(ctx, &consolepb.DeleteDeviceRequest{Id: id})
			return err
		}},
	} {
		cmd.AddCommand(one.command(env, t))
	}
	return cmd
}

func deviceListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListDevicesRequest{Page: &consolepb.PageRequest{}}
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List devices", Args: cobra.NoArgs,
		Example: "  cardea device list --state waiting --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch state {
			case "":
			case "approved":
				req.State = consolepb.DeviceState_DEVICE_STATE_APPROVED
			case "waiting":
				req.State = consolepb.DeviceState_DEVICE_STATE_WAITING
			default:
				return fmt.Errorf("--state: want approved or waiting, not %q", state)
			}
			if err := checkDeviceType(req.Type); err != nil {
				return err
			}
			return ask(&to, cmd, env, t, consolepb.NewDeviceServiceClient, consolepb.DeviceServiceClient.ListDevices, req, writeDevices)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "enrolled, used, name, model or person")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the name, id or model, or in the person's name, address or id")
	cmd.Flags().StringVar(&req.UserKey, "user", "", "key of a person, as \"cardea user list\" shows it")
	cmd.Flags().StringVar(&state, "state", "", "approved, or waiting for approval")
	cmd.Flags().StringVar(&req.Type, "type", "", "any or enclave_only")
	cmd.Flags().BoolVar(&req.Suspicious, "suspicious", false, "devices whose counter went back alone: there may be two of one")
	return cmd
}

func checkDeviceType(s string) error {
	switch s {
	case "", "any", "enclave_only":
		return nil
	}
	return fmt.Errorf("--type: want any or enclave_only, not %q", s)
}

func writeDevices(t terminal, out *consolepb.ListDevicesResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "DEVICE\tPERSON\tSTATE\tTYPE\tENROLLED\tLAST USED\tNAME")
	for _, d := range out.Devices {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(d.Id), plain(d.UserEmail), deviceStateOf(d), plain(d.Type),
			moment(d.EnrolledAt), moment(d.LastUsedAt), plain(d.Name))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Devices), out.Page)
}

// deviceStateOf is the state in a word, and in a second one what is suspicious.
func deviceStateOf(d *consolepb.Device) string {
	state := "waiting"
	if d.Approved {
		state = "approved"
	}
	if d.CounterWentBackAt != nil {
		state += ",suspicious"
	}
	return state
}

// A deviceChange is a command that changes things by their ids.
type deviceChange struct {
	noun, word, short, done string
	do                      func(context.Context, consolepb.DeviceServiceClient, string) error
}

func (c deviceChange) command(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	cmd := &cobra.Command{
		Use: c.word + " ID…", Short: c.short, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, ids []string) error {
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				client := consolepb.NewDeviceServiceClient(conn)
				for _, id := range ids {
					if err := c.do(ctx, client, id); err != nil {
						return fmt.Errorf("%s %q: %w", c.noun, id, err)
					}
					if !to.json {
						fmt.Fprintf(t.out, "%s %s\n", c.done, plain(id)) // it is done, whether this can be read or not
					}
				}
				if to.json {
					return writeJSON(t.out, map[string][]string{c.done: ids})
				}
				return nil
			})
		},
	}
	to.add(cmd)
	return cmd
}
