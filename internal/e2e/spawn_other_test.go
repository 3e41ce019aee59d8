//go:build !linux

package e2e

import "syscall"

// diesWithUs has no means here: tests that are killed leave the program behind.
func diesWithUs() *syscall.SysProcAttr { return nil }
