package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A LocalReply is what Envoy says by itself, where no part of ours was asked: no
// route, an upstream that does not answer, a request it cannot read. The texts
// hold Envoy's command operators (%REQ(...)% and the like) and every other "%"
// is doubled; none of them shows %LOCAL_REPLY_BODY%, which names upstreams and
// inner errors.
type LocalReply struct {
	// Status that this reply is for; 0 is for every status without its own.
	Status int
	// HTML is a page, for text_format_source with content type text/html.
	HTML []byte
	// JSON is a problem object once Envoy has filled in the operators, for
	// text_format_source with content type application/problem+json.
	JSON []byte
	// Plain is a single line, for everybody else and for gRPC, where Envoy turns
	// the body into grpc-message.
	Plain []byte
	// Header are the headers of the HTML form besides Content-Type; those of the
	// others are in LocalHeader.
	Header http.Header
}

// localKinds are the statuses with words of their own.
var localKinds = []struct {
	status int
	kind   Kind
}{
	{400, BadRequest},
	{403, Denied},
	{404, NotFound},
	{408, RequestTimeout},
	{413, TooLarge},
	{414, AddressTooLong},
	{421, Misdirected},
	{429, TooManyRequests},
	{431, HeadersTooLarge},
	{500, Internal},
	{502, BadGateway},
	{503, Unavailable},
	{504, GatewayTimeout},
	{0, other},
}

// Envoy's operators. The request id is Envoy's own; when a request is refused
// before it got one, a client's may stand in its place, so it is cut to the
// length of ours. Nothing else of the request is repeated.
const (
	opStatus = "%RESPONSE_CODE%"
	opID     = "%REQ(X-REQUEST-ID):36%"
	opTime   = "%START_TIME(%Y-%m-%dT%H:%M:%SZ)%"
)

// holdID stands for the request id while a page is rendered: letters and digits
// pass every escaping unchanged.
const holdID = "CARDEA0REQUEST0ID0CARDEA"

// localDefault stands for a status that only Envoy knows.
const localDefault = 999

// LocalReplies returns the replies for Envoy, those of a status first, the one
// for all others last.
func (p *Pages) LocalReplies() []LocalReply {
	at := time.Unix(0, 0).UTC() // its prints are replaced by opTime
	frozen := *p
	frozen.now = func() time.Time { return at }
	operators := strings.NewReplacer("%", "%%", holdID, opID, stamp(at), opTime, exact(at), opTime,
		"999 ·", opStatus+" ·", "999:", opStatus+":")
	replies := make([]LocalReply, 0, len(localKinds))
	for _, k := range localKinds {
		e := Problem{Kind: k.kind, RequestID: holdID}
		if k.status == 0 {
			e.Status = localDefault
		}
		page := frozen.errorPage(e)
		page.Header.Del("Content-Type")
		replies = append(replies, LocalReply{
			Status: k.status,
			HTML:   []byte(operators.Replace(string(page.Body))),
			JSON:   localJSON(e),
			Plain:  []byte(operators.Replace(localLine(e))),
			Header: page.Header,
		})
	}
	return replies
}

// LocalHeader returns the headers of the JSON and the plain form of a local
// reply besides Content-Type.
func LocalHeader() http.Header {
	h := newAnswer(0, "", bareCSP, nil).Header
	h.Del("Content-Type")
	return h
}

// localLine is e in one line.
func localLine(e Problem) string {
	w := e.words()
	return strconv.Itoa(e.status()) + ": " + w.title + ". " + w.next + " (" + say("request_id") + " " + holdID + ")\n"
}

// localJSON is the problem object of e with operators. Only the status that
// Envoy alone knows stands outside a string, where an operator is no JSON yet.
func localJSON(e Problem) []byte {
	w := e.words()
	body := string(marshal(problemObject{
		Type: "about:blank", Title: w.title, Status: e.status(), Detail: w.why, Next: w.next,
		Kind: e.Kind, Error: w.name, RequestID: holdID,
	}))
	return []byte(strings.NewReplacer("%", "%%", holdID, opID, `"status":999,`, `"status":`+opStatus+",").Replace(body))
}

// HeaderMap is Header with one value for each name, as configurations want it.
func (r LocalReply) HeaderMap() map[string]string {
	m := make(map[string]string, len(r.Header))
	for name := range r.Header {
		m[name] = r.Header.Get(name)
	}
	return m
}
