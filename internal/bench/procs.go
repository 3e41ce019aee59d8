package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc, which is 100 Hz for programs
// whatever the kernel's own clock is (proc(5)).
const clockTick = 10 * time.Millisecond

// tree returns pids with all their descendants. Where there is no /proc it
// returns nothing, and the columns that need it stay empty.
func tree(pids []int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	kids := make(map[int][]int)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := stat(pid); len(f) > 1 {
			parent, _ := strconv.Atoi(f[1]) // the kernel wrote it
			kids[parent] = append(kids[parent], pid)
		}
	}
	var all []int
	for todo := pids; len(todo) > 0; {
		pid := todo[0]
		all = append(all, pid)
		todo = append(todo[1:len(todo):len(todo)], kids[pid]...)
	}
	return all
}

// stat returns the fields of /proc/PID/stat from the third on: the second is a
// name that may hold anything.
func stat(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil // it has ended
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// A usage is the processor time of a target: all of it, and Envoy's part.
type usage struct{ all, envoy time.Duration }

func (u usage) minus(v usage) usage { return usage{u.all - v.all, u.envoy - v.envoy} }

// processorTime is what the processes and their descendants have used.
func processorTime(pids []int) usage {
	var u usage
	for _, pid := range tree(pids) {
		f := stat(pid)
		if len(f) < 13 {
			continue
		}
		user, _ := strconv.ParseInt(f[11], 10, 64) // the kernel wrote them
		system, _ := strconv.ParseInt(f[12], 10, 64)
		used := time.Duration(user+system) * clockTick
		u.all += used
		if name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); string(name) == "envoy\n" {
			u.envoy += used
		}
	}
	return u
}

// A residence is the resident memory of one process.
type residence struct {
	name string
	mib  float64
}

// resident returns the memory of the processes and their descendants.
func resident(pids []int) []residence {
	var all []residence
	for _, pid := range tree(pids) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		if err != nil {
			continue
		}
		var r residence
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); key {
			case "Name":
				r.name = value
			case "VmRSS":
				kib, _ := strconv.ParseFloat(strings.TrimSuffix(value, " kB"), 64)
				r.mib = kib / 1024
			}
		}
		all = append(all, r)
	}
	return all
}
