package policy

import (
	"slices"
	"strings"
)

// operatorSummaries say what the operators of operands ask, for editors.
var operatorSummaries = map[string]map[string]string{
	"text": {
		"is":          "It is this text.",
		"not":         "It is another text.",
		"contains":    "This text is somewhere in it.",
		"starts_with": "It begins with this text.",
		"ends_with":   "It ends with this text.",
		"in":          "It is one of these texts.",
		"not_in":      "It is none of these texts.",
	},
	"list": {
		"has":     "This value is among them.",
		"is":      "This value is the only one.",
		"exclude": "This value is not among them.",
	},
	"certificate": {
		"fingerprint": "Its SHA-256 fingerprint: 64 hexadecimal digits, or 32 pairs with colons; one or a list.",
		"spki_hash":   "The SHA-256 of its public key in base64; one or a list.",
		"san_email":   "One of its e-mail addresses; the certificate must be valid.",
		"san_dns":     "One of its DNS names; the certificate must be valid.",
		"san_uri":     "One of its URIs; the certificate must be valid.",
	},
	"device": {
		"is":            "The id of its credential, or a list of them.",
		"approved":      "Whether an administrator has approved it.",
		"type":          "any, or enclave_only for a key that cannot leave the device.",
		"within":        "It has shown itself less than so long ago; else the person is asked to show it again.",
		"user_verified": "Its owner proved to be there by PIN or biometry when it last showed itself; else the person is asked to show it again.",
	},
	"record": {
		"type":        "The type of the record.",
		"field":       "The field to test; nested ones are joined with dots, at most five names.",
		"key":         "What the record is looked up by; absent, each is tried in this order.",
		"is":          "It is this value, or a list of it alone.",
		"not":         "It is another value of the same type.",
		"has":         "It is this value, or a list that holds it.",
		"exclude":     "It is neither this value nor a list that holds it.",
		"contains":    "This text is somewhere in it.",
		"starts_with": "It begins with this text.",
		"ends_with":   "It ends with this text.",
		"in":          "It is one of these values, which are of one type.",
		"not_in":      "It is none of these values, which are of one type.",
		"exists":      "Whether the field is there; false stands alone.",
		"<":           "It is a number less than this.",
		"<=":          "It is this number or less.",
		"=":           "It is this number.",
		">":           "It is a number greater than this.",
		">=":          "It is this number or greater.",
	},
}

// described is a property of an operand.
func described(of, name string, s schema) schema {
	return with(s, schema{"description": operatorSummaries[of][name]})
}

// anythingForm is of parseAnything.
func anythingForm() schema { return schema{"not": schema{"const": false}, "default": true} }

func notEmpty() schema { return schema{"type": "string", "minLength": 1} }

func textForm() schema { return ref("ppl_text", "") }
func listForm() schema { return ref("ppl_list", "") }

func domainForm() schema {
	return stringSchema(with(notEmpty(), schema{"patternErrorMessage": "want " + checkDomain("", "@"), "pattern": "^[^@]+$"}), nil)
}

func methodForm() schema {
	s := stringSchema(with(notEmpty(), schema{"patternErrorMessage": "want " + "the method in upper case", "pattern": "^[^a-z]+$"}), nil)
	s["examples"] = values("GET", "POST")
	return s
}

func pathForm() schema {
	return stringSchema(with(notEmpty(), schema{"patternErrorMessage": "want " + checkPath("", ""), "pattern": "^/"}), []string{"contains", "ends_with"})
}

// stringSchema is of parseStringMatcher. value is a schema of its texts but for
// those of the operators in loose, which are any text.
func stringSchema(value schema, loose []string) schema {
	properties := schema{}
	for _, name := range stringOperators {
		s := value
		switch {
		case name == "in" || name == "not_in":
			s = schema{"type": "array", "minItems": 1, "items": value}
		case slices.Contains(loose, name):
			s = notEmpty()
		}
		properties[name] = described("text", name, s)
	}
	return with(value, objectSchema([]string{"string", "object"}, 1, properties))
}

// listSchema is of parseListMatcher.
func listSchema() schema {
	properties := schema{}
	for _, name := range listOperators {
		properties[name] = described("list", name, schema{"type": values("string", "boolean", "integer"), "minLength": 1})
	}
	s := objectSchema([]string{"string", "boolean", "integer", "object"}, 1, properties)
	s["minLength"] = 1
	return s
}

// grantForm is a list matcher that does not only exclude.
func grantForm() schema {
	return with(listForm(), schema{"anyOf": []any{
		schema{"not": schema{"type": "object"}}, schema{"required": values("has")}, schema{"required": values("is")},
	}})
}

func certificateForm() schema {
	properties := schema{}
	for _, name := range certificateFields {
		s := ref("ppl_text", "")
		switch name {
		case "fingerprint":
			// Digits alone are a number to YAML.
			s = oneOrMore(`^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$`, wantFingerprint, "string", "number")
		case "spki_hash":
			s = oneOrMore(`^[A-Za-z0-9+/]{43}=$`, wantSPKI, "string")
		}
		properties[name] = described("certificate", name, s)
	}
	return objectSchema([]string{"object"}, 1, properties)
}

// oneOrMore is a text of a pattern, or a list of at least one; want says it in
// words, to editors that know the keyword.
func oneOrMore(pattern, want string, types ...string) schema {
	item := schema{"type": typesOf(types), "pattern": pattern, "patternErrorMessage": "want " + want}
	return with(item, schema{"type": values(append(types, "array")...), "minItems": 1, "items": item})
}

func networksForm() schema {
	s := oneOrMore(`^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$`, wantNetwork, "string")
	s["examples"] = values("10.0.0.0/8")
	return s
}

func deviceForm() schema {
	s := objectSchema([]string{"boolean", "object"}, 1, schema{
		"is": described("device", "is", schema{
			"type": values("string", "array"), "minLength": 1, "minItems": 1, "items": notEmpty()}),
		"approved":      described("device", "approved", schema{"type": "boolean"}),
		"type":          described("device", "type", schema{"enum": values(DeviceAny, DeviceEnclave), "default": DeviceAny}),
		"within":        described("device", "within", ageForm()),
		"user_verified": described("device", "user_verified", schema{"const": true}),
	})
	delete(s, "minProperties") // an empty object asks for any device
	s["not"] = schema{"const": false}
	return s
}

// zoneSchema is of the name of a time zone. They are too many to list, and
// change.
func zoneSchema() schema {
	return with(notEmpty(), schema{"description": "The IANA name of a time zone.", "examples": values("Europe/Berlin", "UTC")})
}

func datesForm() schema {
	moment := schema{"type": "string",
		"patternErrorMessage": "want " + wantDate,
		"pattern":             `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$`}
	const forms = "2030-01-31, or with a time 2030-01-31T09:00 or 2030-01-31T09:00:00+01:00; without a zone in UTC."
	return objectSchema([]string{"object"}, 1, schema{
		"after":  with(moment, schema{"description": "From this moment on: " + forms}),
		"before": with(moment, schema{"description": "Before this moment: " + forms}),
	})
}

func hoursForm() schema {
	hour := schema{"type": values("string", "integer"), // 15:04 is a number to YAML 1.1
		"patternErrorMessage": "want " + wantHour,
		"pattern":             `^\s*([0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?|[0-9]{1,2}(:[0-9]{1,2})? ?[AaPp][Mm])\s*$`}
	s := objectSchema([]string{"object"}, 2, schema{
		"timezone": zoneSchema(),
		"after":    with(hour, schema{"description": "From this time on: 15:04, 15:04:05 or 3:04 PM."}),
		"before":   with(hour, schema{"description": "Before this time: 15:04, 15:04:05 or 3:04 PM."}),
	})
	s["required"] = values("timezone")
	return s
}

func weekdaysForm() schema {
	names := make([]string, 0, len(dayNames))
	for i, short := range dayNames {
		long := strings.TrimPrefix(longDayNames[i], short)
		names = append(names, AnyCase(short)+"("+AnyCase(long)+")?")
	}
	day := "(" + strings.Join(names, "|") + ")"
	part := `\s*` + day + `\s*(-\s*` + day + `\s*)?`
	s := oneOrMore(`^(\s*\*\s*|`+part+`(,`+part+`)*)$`, wantDays, "string")
	s["examples"] = values("mon-fri", "sat,sun", "*")
	days := with(s, schema{"description": "Days such as mon,wed or tue-fri, or *; one text or a list of them."})
	all := with(s, objectSchema([]string{"string", "array", "object"}, 1, schema{"days": days, "timezone": zoneSchema()}))
	all["required"] = values("days")
	return all
}

func ageForm() schema {
	return schema{"type": "string", "examples": values("30m", "8h", "30d"),
		"patternErrorMessage": "want " + wantAge,
		"pattern":             `^([0-9]+d)?\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*0?$`, "minLength": 1}
}

func recordForm() schema {
	properties := schema{
		"type":  described("record", "type", with(notEmpty(), schema{"pattern": `^[^|]+$`})),
		"field": described("record", "field", with(notEmpty(), schema{"pattern": `^[^.]+(\.[^.]+){0,4}$`})),
		"key":   described("record", "key", schema{"enum": values(recordKeyNames()...)}),
	}
	for _, name := range valueOperators {
		value := schema{"type": valueTypes(name)}
		if name != "exists" {
			value["minLength"] = 1
		}
		if name == "in" || name == "not_in" {
			value = schema{"type": "array", "minItems": 1, "items": value}
		}
		properties[name] = described("record", name, value)
	}
	s := objectSchema([]string{"object"}, 3, properties)
	s["required"] = values("type", "field")
	return s
}

// valueTypes are those of typesFor as JSON names them.
func valueTypes(operator string) any {
	names := map[scalarType]string{typeText: "string", typeNumber: "number", typeTruth: "boolean"}
	types, _ := typesFor(operator)
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = names[t]
	}
	return typesOf(out)
}
