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

// userAdminCommands are about the people whom a running instance knows, of every
// identity provider.
func userAdminCommands(env *viper.Viper, t terminal) []*cobra.Command {
	return []*cobra.Command{userListCommand(env, t), userGroupsCommand(env, t), userShowCommand(env, t), userShutCommand(env, t, true), userShutCommand(env, t, false)}
}

func userListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	var disabled bool
	req := &consolepb.ListUsersRequest{Page: &consolepb.PageRequest{}}
	cmd := &cobra.Command{
		Use: "list", Short: "List the people whom a running instance knows", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if disabled {
				req.State = consolepb.UserState_USER_STATE_DISABLED
			}
			return ask(&to, cmd, env, t, consolepb.NewUserServiceClient, consolepb.UserServiceClient.ListUsers, req, writeUsers)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "name, email, sessions or devices")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the name, address, id or a group")
	cmd.Flags().StringVar(&req.Group, "group", "", "members of this group alone")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "people who are shut out alone")
	return cmd
}

func userGroupsCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListGroupsRequest{Page: &consolepb.PageRequest{}}
	cmd := &cobra.Command{
		Use: "groups", Short: "List the groups that people are in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(&to, cmd, env, t, consolepb.NewUserServiceClient, consolepb.UserServiceClient.ListGroups, req, writeGroups)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "name or members")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the name")
	return cmd
}

func writeGroups(t terminal, out *consolepb.ListGroupsResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "GROUP\tMEMBERS")
	for _, g := range out.Groups {
		fmt.Fprintf(w, "%s\t%d\n", plain(g.Name), g.Members)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Groups), out.Page)
}

func writeUsers(t terminal, out *consolepb.ListUsersResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tADDRESS\tNAME\tSTATE\tSESSIONS\tDEVICES\tGROUPS")
	for _, u := range out.Users {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", plain(u.Key), plain(u.Email), plain(u.Name), stateOf(u),
			u.Sessions, u.Devices, plain(strings.Join(u.Groups, ", ")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Users), out.Page)
}

func stateOf(u *consolepb.User) string {
	if u.Disabled {
		return "disabled"
	}
	return "enabled"
}

func userShowCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	cmd := &cobra.Command{
		Use: "show KEY", Short: "Show a person with sessions and devices", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask(&to, cmd, env, t, consolepb.NewUserServiceClient, consolepb.UserServiceClient.GetUser, &consolepb.GetUserRequest{Key: args[0]}, writeUser)
		},
	}
	to.add(cmd)
	return cmd
}

func writeUser(t terminal, out *consolepb.GetUserResponse) error {
	u := out.User
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	for _, pair := range [][2]string{
		{"key", u.Key}, {"address", u.Email}, {"name", u.Name}, {"state", stateOf(u)}, {"groups", strings.Join(u.Groups, ", ")},
	} {
		fmt.Fprintf(w, "%s\t%s\n", pair[0], plain(pair[1]))
	}
	for _, s := range out.Sessions {
		fmt.Fprintf(w, "session\t%s\tsince %s\tuntil %s\n", plain(s.Id), moment(s.IssuedAt), moment(s.ExpiresAt))
	}
	for _, d := range out.Devices {
		state := "waits for approval"
		if d.Approved {
			state = "approved"
		}
		fmt.Fprintf(w, "device\t%s\t%s\t%s\t%s\n", plain(d.Id), plain(d.Name), plain(d.Type), state)
	}
	return w.Flush()
}

// userShutCommand shuts a person out, or lets them in again.
func userShutCommand(env *viper.Viper, t terminal, out bool) *cobra.Command {
	var to consoleFlags
	cmd := &cobra.Command{Use: "enable KEY", Short: "Let a person in again, who then has to sign in", Args: cobra.ExactArgs(1)}
	if out {
		cmd.Use, cmd.Short = "disable KEY", "Shut a person out and end their sessions"
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
			c := consolepb.NewUserServiceClient(conn)
			if !out {
				done, err := c.EnableUser(ctx, &consolepb.EnableUserRequest{Key: args[0]})
				if err != nil {
					return err
				}
				return to.print(t, done, func() error { return sayTo(t, "enabled %s\n", plain(args[0])) })
			}
			done, err := c.DisableUser(ctx, &consolepb.DisableUserRequest{Key: args[0]})
			if err != nil {
				return err
			}
			return to.print(t, done, func() error {
				return sayTo(t, "disabled %s, ended %s\n", plain(args[0]), sessionsWord(done.Revoked))
			})
		})
	}
	to.add(cmd)
	return cmd
}

func sayTo(t terminal, format string, args ...any) error {
	_, err := fmt.Fprintf(t.out, format, args...)
	return err
}
