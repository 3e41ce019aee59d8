package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// version is set by the linker.
var version = "dev"

// run is the program without the process: it returns the exit code. Standard
// output is for logs and answers, standard error for words to a person.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newCommand(stdout, stderr)
	root.SetArgs(longFlags(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	report(stderr, err)
	if errors.Is(err, errFlips) || errors.Is(err, errAudit) {
		return 3
	}
	return 1
}

// told are errors of which everything has been said already.
var told = []error{errFlips, errTests, errUntidy, errLint, errAudit}

// report writes what is wrong, one line each: a configuration says everything
// at once.
func report(w io.Writer, err error) {
	if slices.ContainsFunc(told, func(e error) bool { return errors.Is(err, e) }) {
		return
	}
	var all config.Errors
	if errors.As(err, &all) {
		for _, e := range all {
			_, _ = fmt.Fprintln(w, e) // nobody is left to be told
		}
		return
	}
	_, _ = fmt.Fprintln(w, "cardea:", err)
}

// longFlags reads "-config" as "--config": Pomerium takes it so, and command
// lines are copied.
func longFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "-config" || strings.HasPrefix(a, "-config=") || a == "-version" {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// A terminal is where the program writes.
type terminal struct{ out, err io.Writer }

func newCommand(stdout, stderr io.Writer) *cobra.Command {
	t := terminal{stdout, stderr}
	env := config.Environment()
	root := &cobra.Command{
		Use:   "cardea",
		Short: "An identity-aware access proxy",
		Long: "Cardea stands in front of applications: it signs people in, decides every\n" +
			"request by policy, and forwards it clean. Without a command it serves.",
		Version: version, SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), source(cmd, env), t) },
	}
	root.SetVersionTemplate(versionLine())
	root.PersistentFlags().String("config", "", "configuration file (YAML, JSON or TOML); without it the environment says everything")
	root.AddCommand(
		&cobra.Command{
			Use: "serve", Short: "Serve (the default command)", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), source(cmd, env), t) },
		},
		&cobra.Command{
			Use: "validate", Short: "Check a configuration, with every policy, and say all that is wrong", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return validate(cmd.Context(), source(cmd, env), t) },
		},
		&cobra.Command{
			Use: "version", Short: "Print the version", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := io.WriteString(t.out, versionLine())
				return err
			},
		},
		policyCommand(env, t), trustCommand(env, t), untrustCommand(env, t), userCommand(env, t), sessionCommand(env, t), deviceCommand(env, t),
		routeCommand(env, t), statusCommand(env, t), healthCommand(env, t), auditCommand(env, t),
		requestCommand(env, t), grantCommand(env, t), accountCommand(env, t),
	)
	return root
}

func versionLine() string {
	return fmt.Sprintf("cardea %s %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
}

// source is the configuration that the flags name.
func source(cmd *cobra.Command, env *viper.Viper) config.Source {
	file, _ := cmd.Flags().GetString("config") // declared on the root command
	return config.NewFileSource(config.Options{File: file, Env: env})
}
