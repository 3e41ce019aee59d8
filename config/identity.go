package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// routeID returns the first 16 bytes of a SHA-256 over what makes a route this
// route: from, path matchers and destination. Every field is preceded by its
// length, so that no two routes write the same bytes. Weights, policies and
// everything else may change without making another route of it.
func routeID(r *Route) string {
	h := sha256.New()
	field := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, s := range []string{r.From.Scheme, r.From.Host, r.From.Port, r.From.Target, r.Prefix, r.Path, r.Regex} {
		field(s)
	}
	field(strconv.Itoa(len(r.To)))
	for _, u := range r.To {
		field(u.URL.String())
	}
	for _, v := range []any{r.Redirect, r.Response, r.Verify} {
		b, err := json.Marshal(v)
		if err != nil { // plain values of ours: cannot happen
			panic(err)
		}
		field(string(b))
	}
	if r.Console { // written only where it is so: other routes keep their ids
		field("console")
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// matcher names the requests that r takes: routes with one matcher hide each
// other. Of several path matchers only the first given counts.
func (r *Route) matcher() string {
	from := r.From.String()
	switch {
	case r.IsTCP():
		return from
	case r.Regex != "":
		return from + " regex " + r.Regex
	case r.Path != "":
		return from + " path " + r.Path
	case r.Prefix != "":
		return from + " prefix " + r.Prefix
	}
	return from + " prefix /"
}
