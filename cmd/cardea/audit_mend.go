package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"

	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

func auditMendCommand(env *viper.Viper, t terminal) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "mend --reason TEXT",
		Short: "Sign a new head where the old one is broken, so that the console can work again",
		Long: "Signs a head for the last entry that can be read, and appends one that says who did\n" +
			"so and why. It repairs nothing: what verify found before it finds after. Stop the\n" +
			"instance first, keep a copy of its store, and find out what happened.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := mendAudit(cmd, env, reason, t); err != nil {
				return fmt.Errorf("audit: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who read it later")
	return cmd
}

func mendAudit(cmd *cobra.Command, env *viper.Viper, reason string, t terminal) error {
	if strings.TrimSpace(reason) == "" {
		return errors.New("mend: want --reason")
	}
	ctx := cmd.Context()
	cfg, err := source(cmd, env).Load(ctx)
	if err != nil {
		return err
	}
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", adminSocket(cfg)); err == nil {
		_ = conn.Close() // only a knock
		return errors.New("mend: the instance runs: stop it first")
	}
	h, end, err := openResting(ctx, cfg)
	if err != nil {
		return err
	}
	h.log = zerolog.New(t.err).With().Timestamp().Logger() // the head is for the log
	if err := h.openAudit(ctx, cfg); err != nil {
		return errors.Join(err, end())
	}
	e, err := h.audit.Mend(ctx, audit.Entry{
		Change: rand.Text(), Actor: storeOperator(), Action: audit.AuditMend, ObjectType: "audit", ObjectID: "head",
		Result: audit.Done, Details: map[string]string{"reason": reason},
	})
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "mended with entry %d: keep its head, %d %s\n", e.Sequence, e.Sequence, e.Hash)
	return err
}

// storeOperator is whoever runs the command: he can read the shared secret.
func storeOperator() audit.Actor {
	a := audit.Actor{Name: fmt.Sprintf("operator (uid %d)", os.Getuid()), Role: "admin", Via: audit.ViaStore}
	if u, err := user.Current(); err == nil && u.Username != "" {
		a.Name = fmt.Sprintf("%s (uid %d)", u.Username, os.Getuid())
	}
	return a
}
