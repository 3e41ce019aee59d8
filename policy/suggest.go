package policy

// Nearest returns the known name that name was most likely meant to be, or ""
// when none is near: at most two edits, and no more than half of the name. Of
// several that are as near it returns the first. Case counts.
func Nearest(name string, known []string) string {
	best, bestDistance := "", min(3, len(name)/2+1)
	for _, k := range known {
		if d := distance(name, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts the single-byte insertions, deletions, replacements and
// swaps of neighbours that turn a into b. Names longer than any of ours are
// far from all of them and are not measured.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest {
		return longest
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
