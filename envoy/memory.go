package envoy

import (
	"os"
	"strconv"
	"strings"
)

// memoryLimit returns the bytes of memory we may use: the limit of our control
// group where there is one, else what the machine has. 0 means unknown.
func memoryLimit() uint64 {
	total := memTotal("/proc/meminfo")
	for _, path := range []string{
		"/sys/fs/cgroup/memory.max",                   // version 2
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", // version 1
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// "max" does not parse: no limit.
		limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && limit > 0 && (total == 0 || limit < total) {
			return limit
		}
	}
	return total
}

// memTotal reads the machine's memory in bytes; 0 where there is no such file.
func memTotal(path string) uint64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
