package config

import (
	"encoding/base64"
	"net"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The wishes of the scalar types.
const (
	wantText     = "text"
	wantBool     = "true or false"
	wantDuration = `a duration such as "30s" or "1h30m"`
	wantBase64   = "base64"
	wantURL      = "an absolute URL, such as https://login.example.com"
	wantSize     = `a size such as "64MiB" or "1GiB"`
	wantNumber   = "a whole number"
	wantUnsigned = "a whole number from 0 to 4294967295"
)

// scalarInto reads n into v when v has a type that is one word of text, and
// returns what would be accepted, "" when n is. The second result is false for
// other types.
func (l *loading) scalarInto(n *yaml.Node, v reflect.Value) (want string, ok bool) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		return intoText(n, p), true
	case *Secret:
		return intoText(n, (*string)(p)), true
	case *bool:
		return intoBool(n, p), true
	case *time.Duration:
		return intoDuration(n, p), true
	case *Base64:
		return intoBase64(n, p), true
	case *URL:
		return intoURL(n, p), true
	case *Size:
		return intoSize(n, p), true
	case *From:
		return intoFrom(n, p), true
	}
	if e, isEnum := enums[v.Type()]; isEnum {
		return e.into(n, v), true
	}
	if v.CanInt() || v.CanUint() {
		return intoNumber(n, v), true
	}
	return "", false
}

// text returns the text of a scalar as it is written: `1.10` stays "1.10".
func text(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		return "", false
	}
	return n.Value, true
}

func intoText(n *yaml.Node, p *string) (want string) {
	s, ok := text(n)
	if !ok || strings.ContainsRune(s, 0) {
		return wantText
	}
	*p = s
	return ""
}

// intoBool takes what the configurations we read could always say, quoted
// forms included, and nothing that only some YAML versions call a boolean.
func intoBool(n *yaml.Node, p *bool) (want string) {
	s, _ := text(n)
	b, err := strconv.ParseBool(s)
	if err != nil {
		return wantBool
	}
	*p = b
	return ""
}

// intoDuration demands a unit: a bare 30 meant nanoseconds once.
func intoDuration(n *yaml.Node, p *time.Duration) (want string) {
	s, _ := text(n)
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return wantDuration
	}
	*p = d
	return ""
}

// sizeUnits are the units of a Size, the largest first.
var sizeUnits = []struct {
	name string
	size Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// intoSize demands a unit, as intoDuration does.
func intoSize(n *yaml.Node, p *Size) (want string) {
	s, _ := text(n)
	for _, u := range sizeUnits {
		at := len(s) - len(u.name)
		if at < 0 || !strings.EqualFold(s[at:], u.name) {
			continue
		}
		count, err := strconv.ParseUint(strings.TrimRight(s[:at], " "), 10, 32) // times 1 GiB fits
		if err != nil {
			return wantSize
		}
		*p = Size(count) * u.size
		return ""
	}
	return wantSize
}

func intoNumber(n *yaml.Node, v reflect.Value) (want string) {
	s, _ := text(n)
	if v.CanUint() {
		u, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil {
			return wantUnsigned
		}
		v.SetUint(u)
		return ""
	}
	i, err := strconv.ParseInt(s, 10, v.Type().Bits())
	if err != nil {
		return wantNumber
	}
	v.SetInt(i)
	return ""
}

func intoBase64(n *yaml.Node, p *Base64) (want string) {
	s, ok := text(n)
	if !ok {
		return wantBase64
	}
	b, err := decodeBase64(s)
	if err != nil {
		return wantBase64
	}
	*p = b
	return ""
}

// decodeBase64 takes the standard and the URL alphabet, with line breaks.
func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		if b, urlErr := base64.URLEncoding.DecodeString(s); urlErr == nil {
			return b, nil
		}
	}
	return b, err
}

// intoURL takes an absolute URL; an empty text is no URL, as if the key were
// absent.
func intoURL(n *yaml.Node, p *URL) (want string) {
	s, ok := text(n)
	if !ok {
		return wantURL
	}
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" || u.Hostname() == "" || u.Opaque != "" || u.User != nil {
		return wantURL
	}
	*p = URL{u}
	return ""
}

// cutPort splits host:port at the last colon; the host may be empty, and an
// IPv6 address stands in brackets.
func cutPort(address string) (host string, port int, ok bool) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, false
	}
	port, err = strconv.Atoi(text)
	return host, port, err == nil && port >= 0
}
