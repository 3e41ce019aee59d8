package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// errAudit is returned where the audit is not intact. Everything has been said.
var errAudit = errors.New("the audit is not intact")

// auditChecks are the flags of a verification.
type auditChecks struct {
	heads, logs []string
	export, key string
	json        bool
}

func auditVerifyCommand(env *viper.Viper, t terminal) *cobra.Command {
	var c auditChecks
	cmd := &cobra.Command{
		Use:   "verify [--export FILE --key KEY]",
		Short: "Say whether an entry is missing or was changed; exit 3 when so",
		Long: "Checks every entry, the chain that binds each to the one before it, and the\n" +
			"signature of the head. An audit that was cut off at its end, or put back whole to\n" +
			"an earlier state, shows only against a head from elsewhere: each goes to the log\n" +
			"as it is made, and --log reads them out of it.",
		Example: "  cardea audit verify --config config.yaml --log /var/log/cardea.log\n" +
			"  cardea audit verify --export audit.jsonl --key \"$(cat audit.key)\"",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.export != "" {
				err := c.exported(cmd.Context(), cmd, env, t)
				if err != nil && !errors.Is(err, errAudit) {
					return fmt.Errorf("audit: %w", err)
				}
				return err
			}
			return withAudit(cmd, env, func(cfg *config.Config, from *auditSource) error {
				key, err := c.publicKey(func() (*config.Config, error) { return cfg, nil })
				if err != nil {
					return err
				}
				return c.verify(from.lines(cmd.Context()), key, t.out)
			})
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.heads, "head", nil, "a head that was kept, \"NUMBER HASH\"; again for more")
	f.StringArrayVar(&c.logs, "log", nil, "a log of the program, for the heads in it; - is standard input; again for more")
	f.StringVar(&c.export, "export", "", "an export to verify in place of the instance or its store")
	f.StringVar(&c.key, "key", "", "public key, as cardea audit key prints it (default: that of --config)")
	f.BoolVar(&c.json, "json", false, "print JSON")
	return cmd
}

// exported verifies an export, for which no configuration is needed.
func (c *auditChecks) exported(ctx context.Context, cmd *cobra.Command, env *viper.Viper, t terminal) error {
	key, err := c.publicKey(func() (*config.Config, error) {
		if !cmd.Flags().Changed("config") {
			return nil, errors.New("--export: want --key, or --config for the key of that installation")
		}
		return source(cmd, env).Load(ctx)
	})
	if err != nil {
		return err
	}
	f, err := os.Open(c.export)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read from
	return c.verify(audit.ReadLines(f), key, t.out)
}

func (c *auditChecks) publicKey(load func() (*config.Config, error)) (ed25519.PublicKey, error) {
	if c.key != "" {
		key, err := audit.ParseKey(c.key)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		return key, nil
	}
	cfg, err := load()
	if err != nil {
		return nil, err
	}
	root, err := knownKey(cfg)
	if err != nil {
		return nil, err
	}
	return publicAuditKey(root), nil
}

func (c *auditChecks) verify(lines iter.Seq2[audit.Line, error], key ed25519.PublicKey, w io.Writer) error {
	known, findings, err := c.known(key)
	if err != nil {
		return err
	}
	report, err := audit.Verify(lines, key, known)
	if err != nil {
		return err
	}
	report.Findings = append(report.Findings, findings...)
	if len(known) == 0 {
		report.Remarks = append(report.Remarks, "not looked for: an audit cut off at its end, or put back whole; that takes --log or --head")
	}
	if c.json {
		err = writeJSON(w, report)
	} else {
		err = writeReport(w, &report)
	}
	if err == nil && !report.Intact() {
		return errAudit
	}
	return err
}

// known are the heads that the flags name, and what is wrong with some.
func (c *auditChecks) known(key ed25519.PublicKey) (heads []audit.KnownHead, findings []audit.Finding, err error) {
	for _, text := range c.heads {
		h, err := audit.ParseHead(text)
		if err != nil {
			return nil, nil, fmt.Errorf("--head: %w", err)
		}
		heads = append(heads, audit.KnownHead{Head: h})
	}
	for _, name := range c.logs {
		found, wrong, err := readLog(name, key)
		if err != nil {
			return nil, nil, fmt.Errorf("--log: %w", err)
		}
		if len(found)+len(wrong) == 0 {
			return nil, nil, fmt.Errorf("--log: no head is in %s", name)
		}
		heads, findings = append(heads, found...), append(findings, wrong...)
	}
	return heads, findings, nil
}

func readLog(name string, key ed25519.PublicKey) ([]audit.KnownHead, []audit.Finding, error) {
	if name == "-" {
		return audit.ReadLog(os.Stdin, "standard input", key)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return audit.ReadLog(f, name, key)
}

// writeReport writes a report for people.
func writeReport(w io.Writer, r *audit.Report) error {
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintln(&b, policy.Visible(f.Text))
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "%d more findings\n", r.More)
	}
	for _, remark := range r.Remarks {
		fmt.Fprintln(&b, remark)
	}
	state, at := "intact", "no head"
	if !r.Intact() {
		state = "NOT INTACT"
	}
	if r.Head.Sequence > 0 {
		at = "head " + r.Head.String()
	}
	fmt.Fprintf(&b, "%s: %d entries, %s\n", state, r.Entries, at)
	_, err := io.WriteString(w, b.String())
	return err
}
