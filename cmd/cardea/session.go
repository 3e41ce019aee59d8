package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"google.golang.org/grpc"
)

// sessionCommand lists sessions of a running instance and ends them.
func sessionCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "See who is signed in on a running instance, and end sessions",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(sessionListCommand(env, t), sessionRevokeCommand(env, t), sessionImpersonateCommand(env, t))
	return cmd
}

func sessionListCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	req := &consolepb.ListSessionsRequest{Page: &consolepb.PageRequest{}}
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List sessions", Args: cobra.NoArgs,
		Example: "  cardea session list --search ada --config config.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch state {
			case "":
			case "active", "disabled", "orphaned":
				req.State = consolepb.SessionState(consolepb.SessionState_value["SESSION_STATE_"+strings.ToUpper(state)])
			default:
				return fmt.Errorf("--state: want active, disabled or orphaned, not %q", state)
			}
			return ask(&to, cmd, env, t, consolepb.NewSessionServiceClient, consolepb.SessionServiceClient.ListSessions, req, writeSessions)
		},
	}
	to.add(cmd)
	pageFlags(cmd, req.Page, "issued, expires, person or provider")
	cmd.Flags().StringVar(&req.Search, "search", "", "text in the id, or in the person's name, address or id")
	cmd.Flags().StringVar(&req.UserKey, "user", "", "key of a person, as \"cardea user list\" shows it")
	cmd.Flags().StringVar(&req.Provider, "provider", "", "id of an identity provider")
	cmd.Flags().StringVar(&state, "state", "", "active, disabled (the person is shut out) or orphaned (the person has no record)")
	return cmd
}

func writeSessions(t terminal, out *consolepb.ListSessionsResponse) error {
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SESSION\tPERSON\tSTATE\tSIGNED IN\tFROM\tENDS\tUSER")
	for _, s := range out.Sessions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain(s.Id), plain(s.Email),
			strings.ToLower(strings.TrimPrefix(s.State.String(), "SESSION_STATE_")), moment(s.IssuedAt), plain(s.From), moment(s.ExpiresAt), plain(s.UserKey))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return writePage(t, len(out.Sessions), out.Page)
}

func sessionRevokeCommand(env *viper.Viper, t terminal) *cobra.Command {
	var to consoleFlags
	var user string
	var everybody bool
	cmd := &cobra.Command{
		Use:   "revoke {ID… | --user KEY | --all}",
		Short: "End sessions: some by their ids, all of a person, or all",
		RunE: func(cmd *cobra.Command, ids []string) error {
			given := 0
			for _, one := range []bool{len(ids) > 0, user != "", everybody} {
				if one {
					given++
				}
			}
			if given != 1 {
				return errors.New("revoke: want ids of sessions, --user or --all, and one of these")
			}
			return to.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
				n, err := revokeSessions(ctx, consolepb.NewSessionServiceClient(conn), ids, user, everybody)
				if err != nil {
					return err
				}
				return to.print(t, &consolepb.RevokeAllSessionsResponse{Revoked: n}, func() error {
					_, err := fmt.Fprintf(t.out, "ended %s\n", sessionsWord(n))
					return err
				})
			})
		},
	}
	to.add(cmd)
	cmd.Flags().StringVar(&user, "user", "", "key of the person whose sessions all end")
	cmd.Flags().BoolVar(&everybody, "all", false, "end every session there is")
	return cmd
}

func revokeSessions(ctx context.Context, c consolepb.SessionServiceClient, ids []string, user string, everybody bool) (int32, error) {
	switch {
	case everybody:
		out, err := c.RevokeAllSessions(ctx, &consolepb.RevokeAllSessionsRequest{})
		return out.GetRevoked(), err
	case user != "":
		out, err := c.RevokeUserSessions(ctx, &consolepb.RevokeUserSessionsRequest{UserKey: user})
		return out.GetRevoked(), err
	}
	for i, id := range ids {
		if _, err := c.RevokeSession(ctx, &consolepb.RevokeSessionRequest{Id: id}); err != nil {
			return int32(i), fmt.Errorf("session %q: %w", id, err)
		}
	}
	return int32(len(ids)), nil
}

// sessionsWord counts sessions.
func sessionsWord(n int32) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}
