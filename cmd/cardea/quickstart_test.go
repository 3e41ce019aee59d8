package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// TestTheTestsOfTheQuickstart pass, and touch every rule that they are about.
func TestTheTestsOfTheQuickstart(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("cardea", "policy", "test", "--coverage", "--config", "config.yaml", ".")
	cmd.Dir = "../../docs/quickstart"
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.Contains(out.String(), "coverage: 13 of 13 branches") {
		t.Errorf("%v\n%s", err, &out)
	}
}
