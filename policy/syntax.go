package policy

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// yamlPlace begins an error of the YAML parser, which has no field for the line.
var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// maxSearched bounds the bytes that are parsed again to find one line.
const maxSearched = 4 << 20

// SyntaxError returns what the YAML parser says of a text that it refused with
// err, and the 1-based line where it is wrong; 0 where that is not known.
//
// The parser gives no line for some errors, and for those that begin with "did
// not find expected" that of the mapping, list or document around the fault,
// less one. Those are looked for: the fault is on the line after the longest
// beginning of the text that is right by itself. For a bracket or a quote that
// is never closed, that is the line where it opens.
func SyntaxError(text []byte, err error) (line int, problem string) {
	said := err.Error()
	m := yamlPlace.FindStringSubmatch(said)
	if m == nil {
		return 0, Visible(said)
	}
	line, _ = strconv.Atoi(m[1])
	problem = strings.TrimPrefix(said, m[0])
	if line == 0 || strings.HasPrefix(problem, "did not find expected") {
		if found := lineAfterRight(text); found > 0 {
			line = found
		}
	}
	return line, Visible(problem)
}

// lineAfterRight is the line after the longest beginning of the text that is
// YAML; 0 where looking for it takes too long, or all of it is.
func lineAfterRight(text []byte) int {
	searched, whole := 0, true
	for end := len(text); end >= 0; whole = false {
		if searched += end; searched > maxSearched {
			return 0
		}
		if yaml.Unmarshal(text[:end], new(yaml.Node)) == nil {
			if whole {
				return 0
			}
			return 1 + bytes.Count(text[:end], []byte("\n"))
		}
		// The beginning that ends with the line before.
		end = bytes.LastIndexByte(text[:max(end-1, 0)], '\n') + 1
	}
	return 0
}
