package config

import (
	"slices"
	"strings"
)

// sameWords are words that people take one for another in names of keys, the
// first of each as ours have it; of plurals, without their s.
var sameWords = [][]string{
	{"dir", "directory", "folder"},
	{"url", "uri", "address", "addresse", "addr", "endpoint"},
	{"cert", "certificate"},
	{"policy", "policie", "rule"},
	{"user", "person", "people"},
	{"set", "add"},
	{"remove", "delete"},
	{"max", "maximum", "limit"},
	{"allowed", "allow", "permitted"},
	{"level", "verbosity"},
	{"data", "state"},
	{"timeout", "deadline"},
}

// words are those of name, sorted, each as the first that is taken for it, in
// the singular.
func words(name string) []string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	for i, part := range parts {
		if len(part) > 2 {
			part = strings.TrimSuffix(part, "s")
		}
		for _, same := range sameWords {
			if slices.Contains(same, part) || slices.Contains(same, parts[i]) {
				part = same[0]
			}
		}
		parts[i] = part
	}
	slices.Sort(parts)
	return parts
}

// didYouMean returns ` (did you mean "x"?)`, to stand behind a refusal, or
// "" when no known name is near: neither one that is spelt nearly so, nor one
// whose words mean the same.
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
		best = sameMeaning(name, known)
	}
	if best == "" {
		return ""
	}
	return ` (did you mean "` + best + `"?)`
}

// sameMeaning returns the known name whose words mean what those of name do,
// the nearest of several; "" for none.
func sameMeaning(name string, known []string) (best string) {
	if len(name) > 64 {
		return ""
	}
	wanted, least := words(name), 0
	for _, k := range known {
		if d := distance(name, k); slices.Equal(words(strings.ToLower(k)), wanted) && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
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
