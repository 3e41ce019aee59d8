//go:build !linux

package envoy

import "syscall"

// childAttributes gives the child a process group of its own, so that Ctrl-C
// in a terminal reaches us alone and Envoy is drained. There is no death
// signal here: after a kill -9 of ours Envoy stays behind and answers 503,
// since the service that decides has gone.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
