package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

func deviceShowCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a device with all that is known of it, and its history", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(&to, cmd, env, t, consolepb.NewDeviceServiceClient, consolepb.DeviceServiceClient.GetDevice, &consolepb.GetDeviceRequest{Id: args[0]}, writeDevice)
		},
	}
	to.add(cmd)
	return cmd
}

func writeDevice(t terminal, out *consolepb.GetDeviceResponse) error {
	d := out.Device
	vouched, kept := "self-asserted", "stays on the device"
	if d.Attested {
		vouched = "attested"
	}
	switch {
	case d.BackedUp:
		kept = "copied to other devices"
	case d.BackupEligible:
		kept = "may be copied to other devices"
	}
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	for _, pair := range [][2]string{
		{"device", d.Id}, {"name", d.Name}, {"person", d.UserEmail}, {"user", d.UserKey}, {"state", deviceStateOf(d)}, {"type", d.Type},
		{"model", d.Model}, {"aaguid", out.Aaguid}, {"statement", vouched + " (" + out.Format + ")"}, {"key", kept},
		{"attachment", strings.TrimSpace(out.Attachment + " " + strings.Join(out.Transports, ","))},
		{"signatures", fmt.Sprint(out.SignCount)}, {"enrolled", moment(d.EnrolledAt)}, {"from", out.EnrolledFrom}, {"browser", out.UserAgent},
		{"link", d.LinkId}, {"last used", moment(d.LastUsedAt)}, {"counter back", moment(d.CounterWentBackAt)},
	} {
		fmt.Fprintf(w, "%s\t%s\n", pair[0], cmp.Or(plain(pair[1]), "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nHISTORY\tWHAT\tWHO\tADDRESS")
	for _, e := range out.History {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", moment(e.At), plain(e.What), cmp.Or(plain(e.By), "owner"), cmp.Or(plain(e.From), "-"))
	}
	return w.Flush()
}
