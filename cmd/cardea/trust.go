package main

import (
	"context"
	"fmt"
	"os"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/certs"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

func trustCommand(env *viper.Viper, t terminal) *cobra.Command {
	return &cobra.Command{
		Use: "trust", Short: "Make this system and its browsers trust the local certificate authority", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeTrust(cmd.Context(), source(cmd, env), t, certs.Trust)
		},
	}
}

func untrustCommand(env *viper.Viper, t terminal) *cobra.Command {
	return &cobra.Command{
		Use: "untrust", Short: "Undo trust", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeTrust(cmd.Context(), source(cmd, env), t, certs.Untrust)
		},
	}
}

// changeTrust tells of every trust store what became of it.
func changeTrust(ctx context.Context, from config.Source, t terminal, change func(context.Context, certs.TrustOptions) ([]certs.Change, error)) error {
	cfg, err := from.Load(ctx)
	if err != nil {
		return err
	}
	authority, err := certs.LoadOrCreate(authorityDir(cfg), nil)
	if err != nil {
		return err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("find the browsers' trust stores: %w", err)
	}
	changes, err := change(ctx, certs.TrustOptions{Certificate: authority.Certificate(), File: authority.Path(), Home: home})
	for _, c := range changes {
		line := fmt.Sprintf("%-14s %s", c.Outcome, c.Store)
		if c.Hint != "" {
			line += ": " + c.Hint
		}
		if c.Err != nil {
			line += ": " + c.Err.Error()
		}
		_, _ = fmt.Fprintln(t.out, line) // the outcome is in the exit code too
	}
	return err
}
