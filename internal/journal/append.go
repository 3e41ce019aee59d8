package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendLine appends the JSON of e's line as it stands in a block, with its
// person at a place there; none for less than 0. It is what encoding/json makes
// of newLine, in a fifth of the time.
func appendLine(b []byte, e *Entry, person int) ([]byte, error) {
	b = appendBytes(append(b, `{"request_id":`...), e.RequestID)
	b, err := appendTime(append(b, `,"time":`...), e.Time)
	if err != nil {
		return b, err
	}
	if e.Generation != 0 {
		b = strconv.AppendUint(append(b, `,"generation":`...), e.Generation, 10)
	}
	b = appendKnown(b, `,"route_id":`, e.RouteID)
	b = appendKnown(b, `,"from":`, e.From)
	b = appendKnown(b, `,"policy_digest":`, e.PolicyDigest)
	b = appendKnown(b, `,"method":`, e.Method)
	b = appendKnown(b, `,"host":`, e.Host)
	b = appendKnown(b, `,"raw_path":`, e.RawPath)
	b = appendKnown(b, `,"path":`, e.Path)
	if !e.QueryHidden { // whatever the caller left in it: secrets are not written
		b = appendKnown(b, `,"raw_query":`, e.RawQuery)
	}
	b = appendTrue(b, `,"query_hidden":true`, e.QueryHidden)
	b = appendHeaders(b, e.Headers)
	b = appendTexts(b, `,"header_names":`, e.HeaderNames)
	b = appendKnown(b, `,"ip":`, e.IP)
	b = appendCert(b, e.Cert)
	if person >= 0 {
		b = append(strconv.AppendInt(append(b, `,"person":{"at":`...), int64(person), 10), '}')
	}
	b = appendKnown(b, `,"impersonated_by":`, e.ImpersonatedBy)
	b = appendKnown(b, `,"outcome":`, e.Outcome)
	b = appendTrue(b, `,"allow":true`, e.Allow)
	b = appendTrue(b, `,"deny":true`, e.Deny)
	b = appendTexts(b, `,"allow_reasons":`, e.AllowReasons)
	b = appendTexts(b, `,"deny_reasons":`, e.DenyReasons)
	if b, err = appendRecords(b, e.Records); err != nil {
		return b, err
	}
	b = appendKnown(b, `,"error":`, e.Err)
	return append(b, '}'), nil
}

// appendBytes appends s as a text.
func appendBytes(b []byte, s string) []byte {
	if !plain(s) && !utf8.ValidString(s) {
		b = append(b, `{"base64":"`...)
		return append(base64.StdEncoding.AppendEncode(b, []byte(s)), `"}`...)
	}
	return appendString(b, s)
}

// appendString appends s as a JSON string; of what is not UTF-8, the bytes are
// replaced.
func appendString(b []byte, s string) []byte {
	if plain(s) { // nearly every text; json.Marshal would also escape & and <
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, _ := json.Marshal(s) // a string cannot fail
	return append(b, quoted...)
}

func appendKnown(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendBytes(append(b, key...), s)
}

func appendTrue(b []byte, what string, is bool) []byte {
	if !is {
		return b
	}
	return append(b, what...)
}

func appendTime(b []byte, t time.Time) ([]byte, error) {
	b, err := t.UTC().AppendText(append(b, '"'))
	if err != nil {
		return b, fmt.Errorf("encode time: %w", err)
	}
	return append(b, '"'), nil
}

func appendTexts(b []byte, key string, texts []string) []byte {
	if len(texts) == 0 {
		return b
	}
	b = append(append(b, key...), '[')
	for i, s := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendHeaders(b []byte, headers []Header) []byte {
	if len(headers) == 0 {
		return b
	}
	b = append(b, `,"headers":{`...)
	for i, h := range headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBytes(append(appendString(b, h.Name), ':'), h.Value)
	}
	return append(b, '}')
}

func appendCert(b []byte, c *Certificate) []byte {
	if c == nil {
		return b
	}
	b = strconv.AppendBool(append(b, `,"certificate":{"presented":`...), c.Presented)
	b = strconv.AppendBool(append(b, `,"valid":`...), c.Valid)
	if len(c.LeafDER) > 0 {
		b = append(base64.StdEncoding.AppendEncode(append(b, `,"leaf_der":"`...), c.LeafDER), '"')
	}
	for i, der := range c.IntermediatesDER {
		if b = append(b, ','); i == 0 {
			b = append(b, `"intermediates_der":[`...)
		}
		b = append(base64.StdEncoding.AppendEncode(append(b, '"'), der), '"')
	}
	if len(c.IntermediatesDER) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendRecords(b []byte, records []Record) ([]byte, error) {
	some := false
	for _, r := range records {
		r, ok := r.settled()
		if !ok {
			continue
		}
		if b = append(b, ','); !some {
			b = append(b, `"records":[`...)
		}
		some = true
		b = appendBytes(append(b, `{"type":`...), r.Type)
		b = appendBytes(append(b, `,"key":`...), r.Key)
		b = appendKnown(b, `,"value":`, r.Value)
		if len(r.Data) > 0 {
			space := bytes.NewBuffer(append(b, `,"data":`...))
			if err := json.Compact(space, r.Data); err != nil {
				return b, fmt.Errorf("encode record: %w", err)
			}
			b = space.Bytes()
		}
		b = append(b, '}')
	}
	if some {
		b = append(b, ']')
	}
	return b, nil
}
