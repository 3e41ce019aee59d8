package config

import (
	"context"
	"fmt"

	"github.com/cardea-proxy/cardea/policy"
)

// ReadPolicy reads one file as policy_dir reads those in it, for tools that look
// at a policy by itself. A refusal is of type Errors.
func ReadPolicy(ctx context.Context, path string) (*policy.Policy, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	l := newLoading(Options{File: path})
	l.readDirFile(path, "policy_dir[0]")
	if len(l.errs) > 0 {
		return nil, l.errs.sorted()
	}
	return l.c.Policies[0], nil
}
