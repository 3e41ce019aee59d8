package envoy

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// capNetBindService lets a process without root listen below port 1024
// (capabilities(7)).
const capNetBindService = 10

// childAttributes ties the child's life to ours: when the thread that started
// it ends, by kill -9 even, the kernel kills it (PR_SET_PDEATHSIG, prctl(2)).
//
// The child gets a process group of its own, so that Ctrl-C in a terminal
// reaches us alone and Envoy is drained, and it inherits the right to low
// ports where we have it without being root: a file capability of ours would
// otherwise end at exec, and Envoy would fail where ProbePorts did not.
func childAttributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if os.Geteuid() != 0 && mayBindLowPorts() {
		attributes.AmbientCaps = []uintptr{capNetBindService}
	}
	return attributes
}

func mayBindLowPorts() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if mask, ok := strings.CutPrefix(line, "CapEff:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err == nil && bits&(1<<capNetBindService) != 0
		}
	}
	return false
}
