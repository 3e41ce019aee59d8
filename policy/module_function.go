package policy

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A bound is how one built-in function is kept from making too much.
type bound struct {
	// before returns an error, or a size that the result cannot exceed by more
	// than a small factor; nil where that follows from the arguments.
	before func(args []*ast.Term) (int, error)
	// size is what the result counts.
	size func(*ast.Term) int
}

// deep is the size of a result all of which is new.
func deep(t *ast.Term) int { return measure(t, maxMade) }

// boundedFunctions are the built-in functions that may make something large.
var boundedFunctions = map[string]bound{
	"plus": {numbers, shallow}, "minus": {numbers, shallow}, "mul": {numbers, shallow},
	"div": {numbers, shallow}, "rem": {numbers, shallow},
	"round": {numbers, shallow}, "ceil": {numbers, shallow}, "floor": {numbers, shallow}, "abs": {numbers, shallow},
	"bits.or": {numbers, shallow}, "bits.and": {numbers, shallow}, "bits.xor": {numbers, shallow},
	"bits.negate": {numbers, shallow}, "bits.rsh": {numbers, shallow},
	"sum": {numbersIn, shallow}, "product": {numbersIn, shallow},
	"format_int": {numbers, shallow}, "to_number": {nil, shallow},
	"numbers.range": {rangeSize, shallow},

	"and": {nil, shallow}, "or": {nil, shallow}, "union": {nil, shallow}, "intersection": {nil, shallow},
	"sort": {nil, shallow}, "array.concat": {nil, shallow}, "array.slice": {nil, shallow},
	"array.reverse": {nil, shallow}, "array.flatten": {nil, shallow}, "object.keys": {nil, shallow},
	"object.remove": {nil, shallow}, "object.filter": {nil, shallow},
	"object.union": {written, deep}, "object.union_n": {written, deep},
	"json.filter": {written, deep}, "json.remove": {written, deep},
	"walk": {nil, walked}, "graph.reachable": {nil, shallow},
	"net.cidr_contains_matches": {product, deep},

	"concat": {concatSize, shallow}, "replace": {replaceSize, shallow}, "strings.replace_n": {replaceManySize, shallow},
	"sprintf": {sprintfSize, shallow}, "internal.template_string": {written, shallow},
	"lower": {nil, shallow}, "upper": {nil, shallow}, "substring": {nil, shallow}, "strings.reverse": {nil, shallow},
	"trim": {nil, shallow}, "trim_left": {nil, shallow}, "trim_right": {nil, shallow}, "trim_space": {nil, shallow},
	"trim_prefix": {nil, shallow}, "trim_suffix": {nil, shallow},
	"split": {splitSize, deep}, "strings.split_n": {splitSize, deep}, "indexof_n": {splitSize, deep},

	"regex.match": {pattern(0, 0), shallow}, "regex.is_valid": {pattern(0, 0), shallow},
	"regex.split": {pattern(0, 1), deep}, "regex.find_n": {pattern(0, 1), deep},
	"regex.find_all_string_submatch_n": {pattern(0, 1), deep}, "regex.replace": {regexReplaceSize, shallow},
	"glob.match": {globSize, shallow}, "glob.quote_meta": {nil, shallow},

	"json.marshal": {written, shallow}, "json.unmarshal": {decoded, deep},
	"base64.encode": {nil, shallow}, "base64.decode": {nil, shallow}, "base64url.encode": {nil, shallow},
	"base64url.encode_no_pad": {nil, shallow}, "base64url.decode": {nil, shallow},
	"hex.encode": {nil, shallow}, "hex.decode": {nil, shallow},
	"urlquery.encode": {nil, shallow}, "urlquery.decode": {nil, shallow},
	"urlquery.encode_object": {written, shallow}, "urlquery.decode_object": {decoded, deep}, "uri.parse": {decoded, deep},
	"io.jwt.decode": {decoded, deep}, "io.jwt.decode_verify": {decoded, deep},
	"crypto.x509.parse_certificates": {decoded, deep}, "time.format": {written, shallow},
}

// writtenFunctions are what the evaluator is given beside the functions that it
// has, by name.
var writtenFunctions = sync.OnceValue(func() map[string]*topdown.Builtin {
	functions := map[string]*topdown.Builtin{
		recordFunction.Name:                    {Decl: recordFunction, Func: getRecord},
		weighFunction.Name:                     {Decl: weighFunction, Func: weigh},
		boundedPrefix + ast.InternalPrint.Name: bounded(ast.InternalPrint, printed),
	}
	for name, b := range boundedFunctions {
		functions[boundedPrefix+name] = bounded(ast.BuiltinMap[name], b.function(topdown.GetBuiltin(name)))
	}
	return functions
})

// bounded declares a function of ours for one of the evaluator's. It keeps its
// name, for messages.
func bounded(known *ast.Builtin, f topdown.BuiltinFunc) *topdown.Builtin {
	decl := *known
	decl.CanSkipBctx = false // the evaluation is in the context
	return &topdown.Builtin{Decl: &decl, Func: f}
}

func (b bound) function(known topdown.BuiltinFunc) topdown.BuiltinFunc {
	return func(bctx topdown.BuiltinContext, args []*ast.Term, yield func(*ast.Term) error) error {
		e := evaluationOf(bctx.Context)
		if b.before != nil {
			size, err := b.before(args)
			if err != nil {
				return topdown.Halt{Err: &topdown.Error{Code: topdown.BuiltinErr, Message: err.Error(), Location: bctx.Location}}
			}
			if err := e.room(size); err != nil {
				return err
			}
		}
		return known(bctx, args, func(result *ast.Term) error {
			if result != nil {
				if err := e.make(b.size(result)); err != nil {
					return err
				}
			}
			return yield(result)
		})
	}
}

// maxDigits bounds numbers that are reckoned with, in digits and in the size of
// their exponent.
const maxDigits = 400

var errNumber = fmt.Errorf("a number has more than %d digits", maxDigits)

func checkNumber(t *ast.Term) error {
	n, ok := t.Value.(ast.Number)
	if !ok {
		return nil
	}
	if len(n) > maxDigits {
		return errNumber
	}
	if i := strings.IndexAny(string(n), "eE"); i >= 0 {
		exponent, err := strconv.Atoi(string(n[i+1:]))
		if err != nil || exponent > maxDigits || exponent < -maxDigits {
			return errNumber
		}
	}
	return nil
}

func numbers(args []*ast.Term) (int, error) {
	for _, a := range args {
		if err := checkNumber(a); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// numbersIn checks a list or set of numbers. A product has the digits of all.
func numbersIn(args []*ast.Term) (size int, err error) {
	iterable, ok := args[0].Value.(interface{ Foreach(func(*ast.Term)) })
	if !ok {
		return 0, nil
	}
	iterable.Foreach(func(t *ast.Term) {
		if e := checkNumber(t); e != nil {
			err = e
		}
		size += elementSize
	})
	return 8 * size, err
}

func rangeSize(args []*ast.Term) (int, error) {
	from, ok := args[0].Value.(ast.Number)
	to, ok2 := args[1].Value.(ast.Number)
	if !ok || !ok2 {
		return 0, nil
	}
	a, ok := from.Int64()
	b, ok2 := to.Int64()
	const most = maxMade / elementSize
	if !ok || !ok2 || a > 1<<53 || a < -1<<53 || b > 1<<53 || b < -1<<53 || a-b > most || b-a > most {
		return maxMade + 1, nil
	}
	return elementSize * int(max(a-b, b-a)+1), nil
}

// written is the size of the arguments written out.
func written(args []*ast.Term) (size int, err error) {
	for _, a := range args {
		size += measure(a, maxMade)
	}
	return size, nil
}

// walked is what one result of walk counts: the path is new, the value is not.
func walked(t *ast.Term) int {
	if pair, ok := t.Value.(*ast.Array); ok && pair.Len() == 2 {
		return elementSize + shallow(pair.Elem(0))
	}
	return elementSize
}

func lengthOf(t *ast.Term) int {
	switch v := t.Value.(type) {
	case ast.String:
		return len(v)
	case interface{ Len() int }:
		return v.Len()
	}
	return 0
}

// product is the size of a pair for each two of the arguments.
func product(args []*ast.Term) (int, error) {
	return capped(elementSize*max(1, lengthOf(args[0])), max(1, lengthOf(args[1]))), nil
}

// capped is a*b, or more than can be made.
func capped(a, b int) int {
	if b > 0 && a > maxMade/b {
		return maxMade + 1
	}
	return a * b
}

func textOf(t *ast.Term) string {
	s, _ := t.Value.(ast.String)
	return string(s)
}

func concatSize(args []*ast.Term) (int, error) {
	return measure(args[1], maxMade) + capped(lengthOf(args[1]), len(textOf(args[0]))), nil
}

func replaceSize(args []*ast.Term) (int, error) {
	s := textOf(args[0])
	return len(s) + capped(strings.Count(s, textOf(args[1])), len(textOf(args[2]))), nil
}

func replaceManySize(args []*ast.Term) (int, error) {
	longest := 0
	if patterns, ok := args[0].Value.(ast.Object); ok {
		patterns.Foreach(func(_, to *ast.Term) { longest = max(longest, len(textOf(to))) })
	}
	s := len(textOf(args[1]))
	return s + capped(s+1, longest), nil
}

// splitSize allows for what each part takes beside its text.
func splitSize(args []*ast.Term) (int, error) { return 8 * len(textOf(args[0])), nil }

// decoded is the size of a value that is read from text: a value in it takes at
// least two bytes of the text.
func decoded(args []*ast.Term) (size int, err error) {
	for _, a := range args {
		size += 4 * len(textOf(a))
	}
	return size, nil
}

var errWidth = errors.New("sprintf: a width or precision is larger than 99, or taken from the arguments")

// sprintfSize refuses widths that make much out of little. A verb writes at
// most the largest of the arguments.
func sprintfSize(args []*ast.Term) (int, error) {
	format, verbs, digits, inVerb := textOf(args[0]), 0, 0, false
	for i := range len(format) {
		c := format[i]
		switch {
		case c == '%':
			verbs++
			inVerb, digits = !inVerb, 0
		case !inVerb:
		case c == '*':
			return 0, errWidth
		case '0' <= c && c <= '9':
			if digits++; digits > 2 {
				return 0, errWidth
			}
		case c == '.' || c == '[' || c == ']':
			digits = 0
		case strings.IndexByte("+-# ", c) < 0:
			inVerb = false
		}
	}
	largest := 0
	if list, ok := args[1].Value.(*ast.Array); ok {
		for i := range list.Len() {
			if err := checkNumber(list.Elem(i)); err != nil {
				return 0, err
			}
			largest = max(largest, measure(list.Elem(i), maxMade))
		}
	}
	return len(format) + capped(verbs, largest+100), nil
}

// Bounds of patterns, which may come out of the request: their length in bytes,
// and their parts once repetitions are written out.
const (
	maxPattern      = 2 << 10
	maxPatternParts = 10_000
)

var errPattern = errors.New("the pattern is too large")

// pattern checks the regular expression at one place of the arguments. The
// result is a part of the text at the other, or a list of such parts.
func pattern(at, text int) func([]*ast.Term) (int, error) {
	return func(args []*ast.Term) (int, error) {
		expression := textOf(args[at])
		if len(expression) > maxPattern {
			return 0, errPattern
		}
		if parsed, err := syntax.Parse(expression, syntax.Perl); err == nil && patternParts(parsed) > maxPatternParts {
			return 0, errPattern
		}
		if text == at {
			return 0, nil
		}
		return capped(8*len(textOf(args[text])), 1+strings.Count(expression, "(")), nil
	}
}

func patternParts(r *syntax.Regexp) int {
	parts := 1 + len(r.Rune)
	for _, sub := range r.Sub {
		parts += patternParts(sub)
	}
	if r.Op == syntax.OpRepeat {
		parts *= max(1, r.Min, r.Max)
	}
	return min(parts, maxPatternParts+1)
}

func regexReplaceSize(args []*ast.Term) (int, error) {
	if _, err := pattern(1, 1)(args); err != nil {
		return 0, err
	}
	s, value := len(textOf(args[0])), textOf(args[2])
	return capped(s, 1+strings.Count(value, "$")) + capped(s+1, len(value)), nil
}

func globSize(args []*ast.Term) (int, error) {
	if len(textOf(args[0])) > maxPattern/2 {
		return 0, errPattern
	}
	return 0, nil
}

// printed hands a line to the log. It is cut, and after many lines the rest is
// dropped.
func printed(bctx topdown.BuiltinContext, args []*ast.Term, yield func(*ast.Term) error) error {
	e := evaluationOf(bctx.Context)
	words, ok := args[0].Value.(*ast.Array)
	if !ok || e.facts.Print == nil || e.printed >= maxPrinted {
		return yield(nil)
	}
	e.printed++
	var line strings.Builder
	for i := range words.Len() {
		if i > 0 {
			line.WriteByte(' ')
		}
		if line.Len() > maxLine {
			break
		}
		line.WriteString(printedWord(words.Elem(i)))
	}
	text := line.String()
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "..."
	}
	e.facts.Print(bctx.Location.File, bctx.Location.Row, text)
	return yield(nil)
}

// printedWord writes one argument of print, which comes as the set of its
// values: an empty one where it is undefined.
func printedWord(t *ast.Term) string {
	if set, ok := t.Value.(ast.Set); ok {
		switch set.Len() {
		case 0:
			return "<undefined>"
		case 1:
			t = set.Slice()[0]
		}
	}
	if s, ok := t.Value.(ast.String); ok {
		return string(s)
	}
	if measure(t, 4*maxLine) > 4*maxLine {
		return "<large " + ast.ValueName(t.Value) + ">"
	}
	return t.Value.String()
}
