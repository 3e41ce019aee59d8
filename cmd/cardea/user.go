package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cardea-proxy/cardea/authenticate/local"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/term"
)

func userCommand(env *viper.Viper, t terminal) *cobra.Command {
	user := &cobra.Command{
		Use: "user", Short: "People whom a running instance knows, and passwords for the built-in provider", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	user.AddCommand(&cobra.Command{
		Use:   "hash",
		Short: "Read a password and print its argon2id hash, for users[].password_hash",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd, t)
			if err != nil {
				return err
			}
			hash, err := local.Hash(password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(t.out, hash)
			return err
		},
	})
	user.AddCommand(userAdminCommands(env, t)...)
	return user
}

// readPassword asks at a terminal, twice and unseen, and reads one line where
// there is none.
func readPassword(cmd *cobra.Command, t terminal) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) { // a last line may lack its end
			return "", fmt.Errorf("read password: %w", err)
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("no password on standard input")
		}
		return line, nil
	}
	var typed [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		_, _ = fmt.Fprint(t.err, prompt)
		b, err := term.ReadPassword(int(in.Fd()))
		_, _ = fmt.Fprintln(t.err)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two passwords differ")
	}
	return typed[0], nil
}
