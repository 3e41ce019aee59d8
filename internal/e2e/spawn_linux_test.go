package e2e

import "syscall"

// diesWithUs ends the program when the tests are killed, as by a timeout.
func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
