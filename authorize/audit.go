package authorize

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardea-proxy/cardea/policy"
)

// DefaultLogFields are the fields of an audit line where authorize_log_fields
// says nothing. A field without a value is left out of a line.
func DefaultLogFields() []string {
	return []string{
		"request-id", "check-request-id", "method", "path", "host", "ip",
		"session-id", "user", "email",
		"impersonate-session-id", "impersonate-user-id", "impersonate-email",
		"service-account-id", "removed-groups-count",
		"route-id", "route-checksum", "envoy-route-id", "envoy-route-checksum",
	}
}

// A logField is a field that may stand in an audit line.
type logField struct {
	key  string // with quotes, comma and colon around it
	kind string // the field's name; "headers." and a lower-case name for one header
}

// parseLogFields readies the names of authorize_log_fields; nil means the
// default ones. Names that this build has no value for are passed over: the
// loader is the one who refuses misspelt ones.
func parseLogFields(names []string) []logField {
	if names == nil {
		names = DefaultLogFields()
	}
	fields := make([]logField, 0, len(names))
	for _, name := range names {
		kind := name
		if header, ok := strings.CutPrefix(name, "headers."); ok {
			if header = strings.ToLower(header); policy.SecretHeader(header) {
				continue
			}
			kind = "headers." + header
		}
		if kind == "id-token" {
			continue // a token is a secret, whoever asks for it
		}
		fields = append(fields, logField{"," + string(appendText(nil, name)) + ":", kind})
	}
	return fields
}

// plainQuery returns a query as it may stand in a log: not that of a path of
// ours, and not one with a parameter of ours, however it is escaped. Those hold
// tickets, codes and signed links.
func plainQuery(path, query string) string {
	decoded, err := url.QueryUnescape(query)
	if err != nil || strings.Contains(decoded, "pomerium_") || strings.HasPrefix(path, "/.pomerium") || path == "/oauth2/callback" {
		if query == "" {
			return ""
		}
		return "[redacted]"
	}
	return query
}

// plainHeader returns a header as it may stand in a log: addresses lose their
// query.
func plainHeader(name, value string) string {
	if name == "referer" || name == ":path" {
		value, _, _ = strings.Cut(value, "?")
	}
	return value
}

// A logIdentity is a person's part of an audit line, in JSON.
type logIdentity struct{ user, email, session string }

func newLogIdentity(p *person) logIdentity {
	quote := func(s string) string {
		if s == "" {
			return ""
		}
		return string(appendText(nil, s))
	}
	return logIdentity{quote(p.session.UserID), quote(p.email), quote(p.session.ID)}
}

// linePool keeps the space that lines are built in.
var linePool = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// An auditEntry is what one line tells.
type auditEntry struct {
	generation *generation // nil before the first configuration
	route      *route      // nil for none
	request    *request
	identity   identity
	verdict    verdict
	facts      policy.Request // what the policy was asked about
	records    []policy.RecordSeen
	took       time.Duration
	now        time.Time

	again  bool          // decided before, and held on a leash since
	lasted time.Duration // the stream that ends with this decision
}

// audit writes the line of one decision.
func (s *Server) audit(e *auditEntry) {
	fields := s.fallbackFields
	if e.generation != nil {
		if fields = e.generation.logFields; !e.generation.logged {
			return
		}
	}
	space := linePool.Get().(*[]byte)
	b := append((*space)[:0], lineStart...)
	for _, f := range fields {
		b = e.appendField(b, f)
	}
	if p := e.identity.person; p != nil && p.acting != nil { // whatever fields there are
		b = append(append(b, `,"impersonated-by":`...), p.acting.quoted...)
	}
	b = e.appendDecision(b)
	message := "authorize check"
	if e.again {
		message = "authorize stream ended"
		b = append(b, `,"lasted":`...)
		b = strconv.AppendFloat(b, e.lasted.Seconds(), 'f', 3, 64)
	}
	b = append(b, `,"took":`...)
	b = strconv.AppendFloat(b, float64(e.took.Microseconds())/1000, 'f', 3, 64)
	s.lines.add(appendEnd(b, e.now, message))
	if cap(b) <= 16<<10 {
		*space = b
		linePool.Put(space)
	}
}

// lineStart begins every line of ours, and appendEnd ends it.
const lineStart = `{"level":"info","service":"authorize"`

func appendEnd(b []byte, now time.Time, message string) []byte {
	b = append(b, `,"time":"`...)
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(append(append(b, `","message":"`...), message...), `"}`+"\n"...)
}

// appendDecision says what was decided and why, in the words of the product we
// replace: "allow-why-true" lists why allow was true, and so on. "outcome" says
// in one word what happened.
func (e *auditEntry) appendDecision(b []byte) []byte {
	v := &e.verdict
	allow, deny := v.decision.Allow, v.decision.Deny
	allowWhy, denyWhy := v.decision.AllowReasons, v.decision.DenyReasons
	allowReason, denyReason := "", ""
	if !v.asked {
		allow, deny = v.outcome == outcomeAllow, v.outcome != outcomeAllow
		if allow {
			allowReason = v.reason
		} else {
			denyReason = v.reason
		}
	}
	b = appendReasons(b, "allow", allow, allowWhy, allowReason)
	b = appendReasons(b, "deny", deny, denyWhy, denyReason)
	b = append(b, `,"outcome":"`...)
	b = append(append(b, v.outcome.String()...), '"')
	if v.err != nil {
		b = appendText(append(b, `,"error":`...), v.err.Error())
	}
	return b
}

// appendReasons appends the truth called name and its reasons; reason stands
// where there are none.
func appendReasons(b []byte, name string, truth bool, reasons []string, reason string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	b = strconv.AppendBool(b, truth)
	b = append(append(append(b, `,"`...), name...), "-why-"...)
	b = strconv.AppendBool(b, truth)
	b = append(b, `":`...)
	if reason != "" {
		return appendList(b, append(reasons[:len(reasons):len(reasons)], reason))
	}
	return appendList(b, reasons)
}

// appendMember appends a member with a text; the name needs no escape.
func appendMember(b []byte, name, text string) []byte {
	return appendText(append(append(append(b, `,"`...), name...), `":`...), text)
}

func appendList(b []byte, texts []string) []byte {
	b = append(b, '[')
	for i, s := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

// appendField appends one field, or nothing where it has no value.
func (e *auditEntry) appendField(b []byte, f logField) []byte {
	r := e.request
	text := ""
	switch f.kind {
	case "request-id":
		text = r.id
	case "check-request-id":
		text = r.checkID
	case "method":
		text = r.method
	case "path":
		text = r.rawPath
	case "query":
		text = plainQuery(r.path, r.rawQuery)
	case "host":
		text = r.host
	case "ip":
		if !r.ip.IsValid() {
			return b
		}
		b = append(append(b, f.key...), '"')
		return append(r.ip.AppendTo(b), '"')
	case "session-id", "user", "email", "impersonate-session-id", "impersonate-user-id", "impersonate-email":
		return e.appendIdentity(b, f)
	case "route-id", "route-checksum", "cluster-stat-name":
		return e.appendRoute(b, f)
	case "envoy-route-id":
		text = r.routeID
	case "envoy-route-checksum":
		text = r.digest
	case "headers", "id-token-claims":
		return e.appendObject(b, f)
	default:
		if name, ok := strings.CutPrefix(f.kind, "headers."); ok {
			text = plainHeader(name, r.headers.get(name))
		}
	}
	if text == "" {
		return b
	}
	return appendText(append(b, f.key...), text)
}

func (e *auditEntry) appendIdentity(b []byte, f logField) []byte {
	p := e.identity.person
	if p == nil {
		return b
	}
	who, kind := &p.log, f.kind
	if target, ok := strings.CutPrefix(kind, "impersonate-"); ok {
		if p.acting == nil {
			return b
		}
		who, kind = &p.acting.targetLog, target
	}
	text := who.session
	switch kind {
	case "user", "user-id":
		text = who.user
	case "email":
		text = who.email
	}
	if text == "" {
		return b
	}
	return append(append(b, f.key...), text...)
}

func (e *auditEntry) appendRoute(b []byte, f logField) []byte {
	if e.route == nil {
		return b
	}
	text := e.route.id
	switch f.kind {
	case "route-checksum":
		text = e.route.digest
	case "cluster-stat-name":
		text = e.route.name
	}
	if text == "" {
		return b
	}
	return appendText(append(b, f.key...), text)
}

// appendObject appends what an operator has to ask for by name.
func (e *auditEntry) appendObject(b []byte, f logField) []byte {
	var object any
	if f.kind == "headers" {
		headers := make(map[string]string, len(e.request.headers))
		for _, h := range e.request.headers {
			if !policy.SecretHeader(h.name) {
				headers[h.name] = plainHeader(h.name, h.value)
			}
		}
		object = headers
	} else if e.identity.person != nil {
		object = e.identity.person.self().session.Claims
	}
	plain, err := json.Marshal(object)
	if err != nil || object == nil {
		return b
	}
	return append(append(b, f.key...), plain...)
}
