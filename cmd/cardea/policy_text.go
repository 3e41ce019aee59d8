package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
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

// tidyFile rewrites one file, or with check says that it would, and reports
// whether it would change.
func tidyFile(cmd *cobra.Command, path string, check bool, t terminal) (changed bool, err error) {
	if path == "-" {
		text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 16<<20))
		if err != nil {
			return false, err
		}
		tidied, err := policy.Tidy("stdin.yaml", text)
		if err != nil {
			return false, placed("standard input", err)
		}
		_, err = t.out.Write(tidied)
		return false, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	tidied, err := policy.Tidy(path, text)
	if err != nil {
		return false, placed(path, err)
	}
	if bytes.Equal(text, tidied) {
		return false, nil
	}
	if _, err := fmt.Fprintln(t.out, path); err != nil || check {
		return true, err
	}
	return true, replaceFile(path, tidied)
}

// replaceFile puts text in the place of a file, whole or not at all.
func replaceFile(path string, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".cardea-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// placed puts the name of the file before each error of a policy.
func placed(file string, err error) error {
	var all policy.Errors
	if !errors.As(err, &all) {
		return fmt.Errorf("%s: %w", file, err)
	}
	out := make([]error, len(all))
	for i, e := range all {
		out[i] = fmt.Errorf("%s:%w", file, e)
	}
	return errors.Join(out...)
}

// A remark is a finding and where it stands.
type remark struct {
	File  string `json:"file,omitempty"`
	Route string `json:"route,omitempty"` // "" for a policy by itself
	policy.Finding
}

// errLint is returned where lint has found an error.
var errLint = errors.New("lint found errors")

func lintCommand(env *viper.Viper, t terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lint [--config FILE] [PATH…]",
		Short: "Find rules that cannot do what they seem to do",
		Long: "Looks for rules that are never true, that another rule makes needless, that let\n" +
			"everybody in by accident, that deny nobody, and for the language's known traps.\n" +
			"With --config it looks at every route; paths are policy files, or folders of them.\n" +
			"Exit status 1 where there is an error among the findings.",
		RunE: func(cmd *cobra.Command, paths []string) error {
			remarks, err := lintAll(cmd, env, paths)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(t.out, remarks)
			} else {
				err = writeRemarks(t.out, remarks)
			}
			if err == nil && slices.ContainsFunc(remarks, func(r remark) bool { return r.Severity == policy.SeverityError }) {
				return errLint
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func lintAll(cmd *cobra.Command, env *viper.Viper, paths []string) ([]remark, error) {
	remarks := []remark{}
	file, _ := cmd.Flags().GetString("config") // declared on the root command
	if file == "" && len(paths) == 0 {
		return nil, errors.New("lint: want --config FILE or paths of policies")
	}
	if file != "" {
		cfg, err := source(cmd, env).Load(cmd.Context())
		if err != nil {
			return nil, err
		}
		for _, r := range cfg.Routes {
			for _, f := range policy.Lint(r.Policy) {
				remarks = append(remarks, remark{file, r.From.String(), f})
			}
		}
		for _, p := range cfg.Policies {
			remarks = append(remarks, remarksOf(cmp.Or(p.File, file), p)...)
		}
	}
	files, err := policyFiles(paths)
	if err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}
	var faults []error
	for _, path := range files {
		p, err := config.ReadPolicy(cmd.Context(), path)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		remarks = append(remarks, remarksOf(path, p)...)
	}
	return remarks, errors.Join(faults...)
}

func remarksOf(file string, p *policy.Policy) []remark {
	var out []remark
	for _, f := range policy.LintPolicy(p) {
		out = append(out, remark{file, "", f})
	}
	return out
}

// policyFiles are the policies that paths name: files as they are, and those of
// a folder that are no tests.
func policyFiles(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		if path == "-" {
			out = append(out, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			if info, statErr := os.Stat(path); statErr != nil || info.IsDir() {
				return nil, err
			}
			out = append(out, path)
			continue
		}
		for _, e := range entries {
			ending := filepath.Ext(e.Name())
			if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".rego"}, ending) &&
				!fixture.IsFixture(e.Name()) && !strings.HasSuffix(e.Name(), "_test.rego") && !strings.HasPrefix(e.Name(), ".") {
				out = append(out, filepath.Join(path, e.Name()))
			}
		}
	}
	return out, nil
}

// writeRemarks writes findings one line each, what to do below.
func writeRemarks(w io.Writer, remarks []remark) error {
	var b strings.Builder
	for _, r := range remarks {
		place := r.File
		if r.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", r.File, r.Line, r.Column)
		}
		where := ""
		if r.Route != "" {
			where = " [" + policy.Visible(r.Route) + "]"
		} else if r.Policy != "" {
			where = " [" + policy.Visible(r.Policy) + "]"
		}
		fmt.Fprintf(&b, "%s: %s: %s (%s)%s\n", place, r.Severity, r.Message, r.Code, where)
		if r.Advice != "" {
			fmt.Fprintf(&b, "    %s\n", r.Advice)
		}
	}
	if len(remarks) == 0 {
		b.WriteString("nothing to remark\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
