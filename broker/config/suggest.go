package config

import "strings"

// suggest returns the name that was probably meant by unknown, or "".
func suggest(unknown string, names []string) string {
	best, closest := "", max(2, len(unknown)/4)+1
	lower := strings.ToLower(unknown)
	for _, name := range names {
		other := strings.ToLower(name)
		d := distance(lower, other)
		if len(lower) >= 4 && len(other) >= 4 && (strings.HasPrefix(other, lower) || strings.HasPrefix(lower, other)) {
			d = min(d, 1)
		}
		if d < closest {
			best, closest = name, d
		}
	}
	return best
}

// distance is how many single-byte edits lead from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
