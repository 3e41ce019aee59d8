package config

import (
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/cardea-proxy/cardea/policy"
)

// valueOf is the schema of a key by the type it is read into, as value reads it.
func valueOf(t reflect.Type) schema {
	switch t {
	case durationType:
		return refer("duration")
	case reflect.TypeFor[Size]():
		return refer("size")
	case reflect.TypeFor[Base64]():
		return refer("base64")
	case reflect.TypeFor[URL]():
		return refer("url")
	case reflect.TypeFor[From]():
		return worded(wantFrom, schema{"type": "string", "pattern": `^(https?|tcp\+https)://[^/?#@\s]+(/[^?#\s]*)?$`})
	case reflect.TypeFor[[]Upstream]():
		return worded(wantTo, schema{"type": []any{"string", "array", "null"}, "pattern": upstreamPattern, "minItems": 1, "items": refer("upstream")})
	case reflect.TypeFor[[]string](), reflect.TypeFor[[]URL]():
		return refer("list")
	case reflect.TypeFor[map[string]string]():
		return schema{"type": []any{"object", "null"}, "additionalProperties": refer("item")}
	case reflect.TypeFor[map[string][]string]():
		return schema{"type": []any{"object", "null"}, "additionalProperties": schema{
			"type": []any{"array", "string", "number", "boolean"}, "items": refer("item")}}
	case reflect.TypeFor[ClaimHeaders]():
		return schema{"type": []any{"object", "array", "string", "null"}, "additionalProperties": refer("item"), "items": refer("item")}
	case reflect.TypeFor[[]SANMatcher]():
		return schema{"type": []any{"array", "null"}, "items": refer("san")}
	case reflect.TypeFor[Criteria]():
		return schema{"type": []any{"array", "null"}, "items": refer("ppl_criterion")}
	case reflect.TypeFor[PPL]():
		return orNull(schema{"anyOf": []any{refer("ppl"), schema{"type": "string"}}})
	case reflect.TypeFor[Rego]():
		return schema{"type": []any{"string", "array", "null"}, "items": schema{"type": "string"}}
	}
	if e, word := enums[t]; word {
		return e.schema()
	}
	switch t.Kind() {
	case reflect.Bool:
		return refer("boolean")
	case reflect.String:
		return refer("text")
	case reflect.Int32, reflect.Int64:
		return numberSchema(0, 0)
	}
	return numberSchema(0, math.MaxUint32)
}

const (
	upstreamPattern = `^\s*[A-Za-z][A-Za-z0-9+.-]*://[^\s]+(,\s*[0-9]+)?\s*$`
	base64Pattern   = `^\s*(([A-Za-z0-9+/_-][\r\n]*){4})*(([A-Za-z0-9+/_-][\r\n]*){2}=[\r\n]*=\s*|([A-Za-z0-9+/_-][\r\n]*){3}=\s*)?\s*$`
	durationPattern = `^([+-]?0|\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
)

// numberSchema is of whole numbers from low to high, without bounds where they
// are the same. A number in quotes is one as well.
func numberSchema(low, high int64) schema {
	if low == high {
		return worded(wantNumber, schema{"type": []any{"integer", "string", "null"}, "pattern": "^[+-]?[0-9]+$"})
	}
	return worded(wantUnsigned, schema{"type": []any{"integer", "string", "null"}, "pattern": "^[0-9]+$", "minimum": low, "maximum": high})
}

// values are the definitions that valueOf refers to. All but those of items may
// be null.
func (w *schemaWriter) values() schema {
	// What strconv.ParseBool takes; the pattern is for texts alone.
	truth := schema{"patternErrorMessage": "want " + wantBool, "pattern": "^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$", "minimum": 0, "maximum": 1}
	flag, boolean := schema{"type": []any{"boolean", "string", "integer"}}, schema{"type": []any{"boolean", "string", "integer", "null"}}
	for key, v := range truth {
		flag[key], boolean[key] = v, v
	}
	sans := schema{}
	for kind, words := range map[string]string{
		"dns": "A DNS name.", "email": "An e-mail address.", "ip_address": "An IP address.", "uri": "A URI.",
		"user_principal_name": "A user principal name, as Windows has it.",
	} {
		sans[kind] = schema{"type": "string", "description": words + " A regular expression for all of it."}
	}
	return schema{
		"item":    schema{"type": []any{"string", "number", "boolean"}},
		"text":    schema{"type": []any{"string", "number", "boolean", "null"}},
		"list":    schema{"type": []any{"array", "string", "null"}, "items": refer("item")},
		"boolean": boolean,
		"flag":    flag,
		"off":     schema{"enum": []any{false, "false", "False", "FALSE", "f", "F", "0", 0}},
		"duration": schema{"anyOf": []any{
			worded(wantDuration, schema{"type": []any{"string", "null"}, "pattern": durationPattern}), schema{"const": 0}}},
		"size":     worded(wantSize, schema{"type": []any{"string", "null"}, "pattern": "^[0-9]+ *[KMGkmg][Ii][Bb]$"}),
		"base64":   worded(wantBase64, schema{"type": []any{"string", "null"}, "pattern": base64Pattern}),
		"url":      worded(wantURL, schema{"type": []any{"string", "null"}, "pattern": `^([A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s]+([/?#].*)?)?$`}),
		"upstream": worded(wantTo, schema{"type": []any{"string", "array"}, "pattern": upstreamPattern, "items": refer("upstream")}),
		"san": schema{"type": "object", "minProperties": 1, "maxProperties": 1,
			"properties": sans, "additionalProperties": false},
	}
}

// schema offers the words of e and takes whatever into takes.
func (e enumeration) schema() schema {
	var offered []any
	var taken []string
	endings := map[string]int{}
	for _, w := range e.words {
		if !slices.Contains(offered, any(w[1])) {
			offered = append(offered, w[1])
		}
		word := strings.ToLower(w[0])
		taken = append(taken, word)
		for i := range word {
			if word[i] == '_' {
				endings[word[i+1:]]++
			}
		}
	}
	for _, ending := range all(endings) {
		if endings[ending] == 1 && !slices.Contains(taken, ending) {
			taken = append(taken, ending)
		}
	}
	if e.unset != "" {
		taken = append(taken, e.unset)
	}
	for i, word := range taken {
		taken[i] = policy.AnyCase(word)
	}
	prefix := ""
	if e.prefix != "" {
		prefix = "(" + policy.AnyCase(e.prefix) + ")?"
	}
	return schema{"anyOf": []any{
		schema{"enum": offered},
		worded(e.want(), schema{"type": []any{"string", "null"}, "pattern": "^(" + prefix + "(" + strings.Join(taken, "|") + "))?$"}),
	}}
}

// worded says what is wanted in the words of the loader, to editors that know
// the keyword: a pattern helps nobody.
func worded(want string, s schema) schema {
	s["patternErrorMessage"] = "want " + want
	return s
}
