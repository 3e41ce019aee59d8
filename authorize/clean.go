package authorize

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"
)

// An upstream must not see our cookies. A script in Envoy sees to that, whatever
// happens here; but it runs only where something of ours is left, and running it
// costs more than the decision. So an answer takes our cookies out, wherever
// what Envoy told us of them is certain to be what it was sent.

// cleaned returns out, which lets r through on rt, with what has to become of
// the request's cookies.
func (r *request) cleaned(out *response, rt *route, cookieName string) *response {
	value := r.headers.get("cookie")
	if out.bare == nil || rt.setsCookie || !strings.Contains(value, cookieName) {
		return out
	}
	rest, changed := withoutOurs(value, cookieName)
	switch {
	case !changed:
		return out
	case rest == "":
		return out.bare
	}
	// Messages that follow each other in one piece are merged: what is said twice
	// is added (protocol buffers, encoding, "last one wins").
	more, err := proto.Marshal(&authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_OkResponse{
		OkResponse: &authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{overwrite("cookie", rest)}},
	}})
	if err != nil {
		return out
	}
	return &response{wire: slices.Concat(out.wire, more)}
}

// withoutOurs returns a Cookie header without our cookies, byte for byte as it
// is elsewhere, and "" when nothing is left. changed is false when there is none
// of ours, and for a header that Envoy may not have given us as it is: repeated
// ones come joined by commas, and "!" stands for bytes that are no UTF-8.
//
// It is what clean-upstream.lua does, and the same cookies are ours to both.
func withoutOurs(header, cookieName string) (rest string, changed bool) {
	var kept []string
	for pair := range strings.SplitSeq(header, ";") {
		name, _, _ := strings.Cut(pair, "=")
		if isOurs(strings.Trim(name, " \t"), cookieName) {
			changed = true
			continue
		}
		kept = append(kept, pair)
	}
	if !changed {
		return header, false
	}
	for i := range len(header) {
		if c := header[i]; c == ',' || c == '!' || c >= 0x7f || c < ' ' && c != '\t' {
			return header, false
		}
	}
	rest = strings.TrimLeft(strings.Join(kept, ";"), " \t")
	if strings.Trim(rest, "; \t") == "" {
		return "", true
	}
	return rest, true
}

// isOurs reports whether a cookie is called cookieName, or cookieName, an
// underscore and more, also behind the prefixes of RFC 6265bis.
func isOurs(name, cookieName string) bool {
	name, prefixed := strings.CutPrefix(name, "__Host-")
	if !prefixed {
		name = strings.TrimPrefix(name, "__Secure-")
	}
	rest, found := strings.CutPrefix(name, cookieName)
	return found && (rest == "" || rest[0] == '_')
}
