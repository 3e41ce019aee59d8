package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/policy/fixture"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// policyCommand gathers what people need who write policies.
func policyCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Write, test, explain and roll out policies",
		Long: "Tools for people who write policies. A rule is best written in this order:\n\n" +
			"  lint, fmt      is it written well?\n" +
			"  test           does it do what its tests say, and is every branch tested?\n" +
			"  explain --url  what does it say about this person and this address?\n" +
			"  replay         whom would it have decided about otherwise?\n" +
			"  shadow         and in live traffic, without effect (shadow: true)?\n" +
			"  explain --request  why was this person denied just now?\n\n" +
			"docs/policy.md goes through all of it with examples.",
		Args: cobra.NoArgs, // a tool that does not exist is an error, also in a script
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		fixtureCommand(env, t), explainCommand(env, t), replayCommand(env, t), decisionsCommand(env, t),
		shadowCommand(env, t), regoCommand(env, t), fmtCommand(t), lintCommand(env, t),
		schemaCommand(t),
	)
	return cmd
}

// errTests is returned where tests of policies failed; they have been told.
var errTests = errors.New("tests failed")

func fixtureCommand(env *viper.Viper, t terminal) *cobra.Command {
	var coverage bool
	var junit string
	cmd := &cobra.Command{
		Use:   "test [flags] PATH…",
		Short: "Run the tests beside policies (*_test.yaml); exit 1 when one fails",
		Long: "Runs tests in YAML: a person, a request and what is wanted. Paths are files, or\n" +
			"folders in which every *_test.yaml is run. A test is about the policy in the file\n" +
			"of the same name (ops_test.yaml beside ops.yaml), about one that it names, or with\n" +
			"--config about a named policy or a whole route.",
		Example: "  cardea policy test --coverage policies/\n" +
			"  cardea policy test --config config.yaml --junit report.xml .",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			s := &subjects{compiler: &policy.Compiler{}, files: map[string]fixture.Subject{}}
			if file, _ := cmd.Flags().GetString("config"); file != "" {
				var err error
				if s.offline, err = newOffline(cmd.Context(), source(cmd, env)); err != nil {
					return err
				}
			}
			return runFixtures(cmd.Context(), s, paths, coverage, junit, t)
		},
	}
	cmd.Flags().BoolVar(&coverage, "coverage", false, "say which branches of rules no test has touched")
	cmd.Flags().StringVar(&junit, "junit", "", "also write the results to this file, as JUnit XML")
	return cmd
}

func runFixtures(ctx context.Context, s *subjects, paths []string, coverage bool, junit string, t terminal) error {
	files, err := fixture.Find(paths)
	if err != nil {
		return fmt.Errorf("test: %w", err)
	}
	if len(files) == 0 {
		return fmt.Errorf("test: no *_test.yaml in %s", strings.Join(paths, ", "))
	}
	seen := policy.NewCoverage()
	var results []fixture.Result
	var faults []error
	for _, path := range files {
		f, err := fixture.Read(path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		results = append(results, fixture.Run(ctx, f, s, seen)...)
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if junit != "" {
		if err := writeJUnit(junit, results); err != nil {
			return fmt.Errorf("test: %w", err)
		}
	}
	if err := fixture.Text(t.out, results); err != nil {
		return err
	}
	if coverage {
		if err := writeCoverage(seen, t); err != nil {
			return err
		}
	}
	if fixture.Failed(results) > 0 {
		return errTests
	}
	return nil
}

func writeCoverage(seen *policy.Coverage, t terminal) error {
	for _, u := range seen.Report() {
		if _, err := fmt.Fprintln(t.out, u); err != nil {
			return err
		}
	}
	touched, all := seen.Seen()
	_, err := fmt.Fprintf(t.out, "coverage: %d of %d branches\n", touched, all)
	return err
}

func writeJUnit(path string, results []fixture.Result) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fixture.JUnit(f, results), f.Close())
}

// subjects find what tests are about.
type subjects struct {
	offline  *offline // nil without a configuration
	compiler *policy.Compiler
	files    map[string]fixture.Subject
}

var errNoConfig = errors.New("that takes --config")

// Policy is that of fixture.Subjects.
func (s *subjects) Policy(ctx context.Context, name string) (fixture.Subject, error) {
	if s.offline == nil {
		return fixture.Subject{}, fmt.Errorf("policy %q: %w, or the path of its file", name, errNoConfig)
	}
	i := slices.IndexFunc(s.offline.config.Policies, func(p *policy.Policy) bool { return p.Name == name })
	if i < 0 {
		return fixture.Subject{}, fmt.Errorf("the configuration has no policy %q", name)
	}
	return s.alone(ctx, s.offline.config.Policies[i])
}

// alone compiles one policy as if it were all there is, a shadow included.
func (s *subjects) alone(ctx context.Context, p *policy.Policy) (fixture.Subject, error) {
	key := "policy " + p.Name
	if known, ok := s.files[key]; ok {
		return known, nil
	}
	on := *p
	on.Shadow = false
	program, err := s.compiler.Compile(ctx, policy.Source{Policies: []*policy.Policy{&on}})
	if err != nil {
		return fixture.Subject{}, err
	}
	s.files[key] = fixture.Subject{Program: program, Name: key}
	return s.files[key], nil
}

// File is that of fixture.Subjects.
func (s *subjects) File(ctx context.Context, path string) (fixture.Subject, error) {
	path = filepath.Clean(path)
	if s.isConfiguration(path) {
		return fixture.Subject{}, fixture.ErrConfiguration
	}
	if known, ok := s.files[path]; ok {
		return known, nil
	}
	p, err := config.ReadPolicy(ctx, path)
	if err != nil {
		return fixture.Subject{}, err
	}
	return s.alone(ctx, p)
}

func (s *subjects) isConfiguration(path string) bool {
	return s.offline != nil && s.offline.config.Document != "" && filepath.Clean(s.offline.config.Document) == path
}

// Route is that of fixture.Subjects.
func (s *subjects) Route(_ context.Context, address string, r policy.Request) (fixture.Subject, error) {
	if s.offline == nil {
		return fixture.Subject{}, fmt.Errorf("route %s: %w", address, errNoConfig)
	}
	if r.Host != "" && !strings.Contains(strings.TrimPrefix(address, "https://"), "/") {
		address += r.RawPath
	}
	f, err := s.offline.find(r.Method, address)
	if err != nil {
		return fixture.Subject{}, err
	}
	if f.program == nil {
		return fixture.Subject{}, fmt.Errorf("no policy decides about %s: %s", address, f.why)
	}
	return fixture.Subject{Program: f.program, Name: "route " + f.route.From.String()}, nil
}

// regoCommand prints what policies become.
func regoCommand(env *viper.Viper, t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "rego",
		Short: "Print the Rego that the policy of each route becomes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := source(cmd, env).Load(cmd.Context())
			if err != nil {
				return err
			}
			programs, err := compileAll(cmd.Context(), cfg, &policy.Compiler{}, nil)
			if err != nil {
				return err
			}
			for _, r := range cfg.Routes {
				if _, err := fmt.Fprintf(t.out, "# route %s (line %d)\n%s\n", r.From, r.Line, programs[r.ID].Rego()); err != nil {
					return err
				}
				for _, m := range programs[r.ID].Modules() {
					if _, err := fmt.Fprintf(t.out, "# beside it: %s\n%s\n", m.File(), m.Text()); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}

// errUntidy is returned where files would change.
var errUntidy = errors.New("files are not in their form")

func fmtCommand(t terminal) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [--check] PATH…",
		Short: "Bring policy files into one form, comments kept",
		Long: "Rewrites files of policies (YAML, Rego) in one form, and those of folders; files of\n" +
			"tests are left alone. With --check it changes nothing, lists what it would change,\n" +
			"and exits 1. The name - is standard input to output.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			var untidy bool
			var faults []error
			files, err := policyFiles(paths)
			if err != nil {
				return fmt.Errorf("fmt: %w", err)
			}
			for _, path := range files {
				if fixture.IsFixture(path) {
					continue
				}
				changed, err := tidyFile(cmd, path, check, t)
				if err != nil {
					faults = append(faults, err)
				}
				untidy = untidy || changed
			}
			if err := errors.Join(faults...); err != nil {
				return err
			}
			if check && untidy {
				return errUntidy
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing, exit 1 where something would change")
	return cmd
}
