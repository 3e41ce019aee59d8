package config

import (
	"slices"
	"strings"
)

// didYouMean returns ` (did you mean "x"?)`, to stand behind a refusal, or
// "" when no known name is near.
func didYouMean(name string, known []string) string {
	name = strings.ToLower(name)
	best, least := "", 1+min(max(len(name)/3, 1), 3)
	known = slices.Sorted(slices.Values(known)) // map order must not choose among equals
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ` (did you mean "` + best + `"?)`
}

// distance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b. Names longer than 64 bytes are all far.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
