package main

import (
	"context"
	"fmt"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
)

// validate goes as far as serving would go without starting anything: the
// configuration, every policy compiled, and all that Envoy would be told.
func validate(ctx context.Context, from config.Source, t terminal) error {
	cfg, err := from.Load(ctx)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		_, _ = fmt.Fprintln(t.err, "warning:", w)
	}
	programs, err := compileAll(ctx, cfg, &policy.Compiler{}, nil)
	if err != nil {
		return err
	}
	if _, err := compileRoles(ctx, cfg, &policy.Compiler{}); err != nil {
		return err
	}
	if _, err := buildSnapshot(cfg, programs, validationCertificates(cfg), testSockets, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "valid: %d routes\n", len(cfg.Routes))
	return err
}
