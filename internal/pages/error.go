package pages

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Error tells whoever sent r what went wrong, in the format they read.
func (p *Pages) Error(r Request, e Problem) Answer {
	e = e.forReader()
	var a Answer
	switch Negotiate(r) {
	case JSON:
		a = problemJSON(e)
	case Plain:
		a = newAnswer(e.status(), typePlain, bareCSP, plainText(e))
	case GRPC:
		return grpcAnswer(r, e)
	case Kubernetes:
		a = kubernetesStatus(e)
	case Robots:
		return robots()
	default:
		a = p.errorPage(e)
	}
	if e.Retry > 0 {
		a.setRetry(e.Retry)
	}
	switch e.status() {
	case http.StatusUnauthorized:
		// Owed by RFC 9110, section 11.6.1. The scheme is the one our handles are
		// sent under; browsers know nothing of it and so open no dialog.
		a.Header.Set("WWW-Authenticate", `Pomerium realm="cardea"`)
		if e.Kind == DeviceNeeded {
			a.Header.Set("WWW-Authenticate", e.Device.challenge())
		}
	case http.StatusMethodNotAllowed:
		a.Header.Set("Allow", e.Allow)
	}
	return a
}

// Robots tells crawlers to stay away.
func (p *Pages) Robots() Answer { return robots() }

func robots() Answer {
	return newAnswer(http.StatusOK, typePlain, bareCSP, []byte("User-agent: *\nDisallow: /\n"))
}

// An errorView is an error page.
type errorView struct {
	Status       int
	Name         string
	Tone         string // class of the eyebrow: deny or wait
	Title        string
	Why, Next    string
	Detail       string
	Person       string
	Wait         string
	Clock        string
	Action       Action
	Other        Action
	Host, Number string
	Now          time.Time
	Devices      []DeviceRow     // that have shown themselves
	Explain      []template.HTML // what an administrator wrote
	Remedy       []template.HTML
	Policies     []string // for specialists
	Reasons      []string
}

// Noted reports whether an administrator wrote something.
func (v errorView) Noted() bool { return len(v.Explain)+len(v.Remedy) > 0 }

func (p *Pages) errorPage(e Problem) Answer {
	w := e.words()
	v := errorView{
		Status: e.status(), Name: w.name, Tone: "deny", Title: w.title, Why: w.why,
		Detail: clean(e.Detail, maxValue), Person: line(e.Person), Action: e.action(),
		Other: Action{Label: line(e.Other.Label), URL: href(e.Other.URL)},
		Host:  line(e.Host), Number: line(e.RequestID), Now: p.now(),
	}
	if v.Status >= 500 || v.Status == http.StatusTooManyRequests || e.Kind == DeviceNeeded || e.Kind == DeviceNotAllowed && e.Device.waits() {
		v.Tone = "wait"
	}
	if e.Retry > 0 {
		v.Wait = say("error.wait", phrase(waitWords(e.Retry)))
	}
	if e.Kind == ClockSkew {
		v.Clock = say("error.clock", exact(v.Now))
	}
	if e.Kind == Denied && e.Next == "" {
		w.next = brandWords(p.brand.ErrorText, w.next)
	}
	v.Next = w.advice()
	v.Explain, v.Remedy = e.notesHTML(len(p.brand.Logo))
	v.Policies, v.Reasons = e.facts()
	g := page{name: "error", status: v.Status, title: w.title, view: &v, script: true}
	if e.Kind == DeviceNotAllowed && len(e.Device.Shown) > 0 {
		v.Devices, g.sheet = e.Device.shown(), &p.device
	}
	return p.render(g)
}

// A problemObject is RFC 9457's, with the two members that clients of the
// product we replace look for (error, request_id), what to do next, and what an
// administrator wrote.
type problemObject struct {
	Type        string   `json:"type"` // a relative reference would depend on the route host
	Title       string   `json:"title"`
	Status      int      `json:"status"`
	Detail      string   `json:"detail,omitempty"`
	Next        string   `json:"next"`
	Explanation string   `json:"explanation,omitempty"` // plain text
	Remediation string   `json:"remediation,omitempty"` // plain text
	Kind        Kind     `json:"kind,omitempty"`
	Error       string   `json:"error"`
	RequestID   string   `json:"request_id,omitempty"`
	Policies    []string `json:"policies,omitempty"` // with Details only
	Reasons     []string `json:"reasons,omitempty"`  // with Details only
	// Of devices: the type and the way of showing that are asked for, where to do
	// it, and what has been shown.
	DeviceType       string         `json:"device_type,omitempty"`
	DeviceURL        string         `json:"device_url,omitempty"`
	UserVerification string         `json:"user_verification,omitempty"`
	Devices          []deviceObject `json:"devices,omitempty"`
}

func problemJSON(e Problem) Answer {
	w := e.words()
	policies, reasons := e.facts()
	explanation, remediation := e.notesText()
	o := problemObject{
		Type: "about:blank", Title: w.title, Status: e.status(), Detail: detail(e), Next: w.advice(),
		Explanation: explanation, Remediation: remediation,
		Kind: e.Kind, Error: w.name, RequestID: line(e.RequestID), Policies: policies, Reasons: reasons,
	}
	o.fill(e)
	return newAnswer(e.status(), typeProblem, bareCSP, marshal(o))
}

// A statusObject is the Status of the Kubernetes API, which kubectl prints.
type statusObject struct {
	Kind       string   `json:"kind"`
	APIVersion string   `json:"apiVersion"`
	Metadata   struct{} `json:"metadata"`
	Status     string   `json:"status"`
	Message    string   `json:"message"`
	Reason     string   `json:"reason"`
	Code       int      `json:"code"`
}

func kubernetesStatus(e Problem) Answer {
	w := e.words()
	message := w.title + ": " + join(w.first, w.advice())
	if e.RequestID != "" {
		message += " (request " + line(e.RequestID) + ")"
	}
	for _, s := range e.deviceLines() {
		message += "\n" + s
	}
	body := marshal(statusObject{
		Kind: "Status", APIVersion: "v1", Status: "Failure", Message: message,
		Reason: kubernetesReason(e.status()), Code: e.status(),
	})
	return newAnswer(e.status(), typeJSON, bareCSP, body)
}

// kubernetesReason maps a status to the reasons of the Kubernetes API.
func kubernetesReason(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusUnauthorized:
		return "Unauthorized"
	case http.StatusNotFound:
		return "NotFound"
	case http.StatusMethodNotAllowed:
		return "MethodNotAllowed"
	case http.StatusRequestEntityTooLarge:
		return "RequestEntityTooLarge"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusGatewayTimeout:
		return "Timeout"
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return "ServiceUnavailable"
	}
	if status >= 500 {
		return "InternalError"
	}
	return "Forbidden"
}

// plainText is the error as lines for a terminal or a log.
func plainText(e Problem) []byte {
	w := e.words()
	policies, reasons := e.facts()
	explanation, remediation := e.notesText()
	lines := []string{strconv.Itoa(e.status()) + " " + w.title}
	for _, s := range []string{
		detail(e), paragraph("error.why", explanation), paragraph("error.steps", remediation), w.advice(),
	} {
		if s != "" {
			lines = append(lines, s)
		}
	}
	lines = append(lines, e.deviceLines()...)
	for _, fact := range []struct{ name, value string }{
		{say("request_id"), line(e.RequestID)},
		{say("error.policies"), strings.Join(policies, ", ")}, {say("error.reasons"), strings.Join(reasons, ", ")},
	} {
		if fact.value != "" {
			lines = append(lines, fact.name+": "+fact.value)
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// paragraph is text under its heading, set off by empty lines; "" without text.
func paragraph(heading, text string) string {
	if text == "" {
		return ""
	}
	return "\n" + words[heading] + "\n" + text + "\n"
}

// detail is the why of e, with what may be added for this reader.
func detail(e Problem) string {
	why := e.words().why
	if e.Detail != "" {
		why += " " + clean(e.Detail, maxValue)
	}
	return strings.TrimSpace(why)
}

// grpcAnswer is a trailers-only response (gRPC over HTTP/2, "Responses"): HTTP
// status 200, and the error in the only headers.
func grpcAnswer(r Request, e Problem) Answer {
	contentType := mediaType(r.ContentType)
	if !strings.HasPrefix(contentType, "application/grpc") || !plain(contentType, maxLine) {
		contentType = "application/grpc"
	}
	a := newAnswer(http.StatusOK, contentType, bareCSP, nil)
	message := e.words().title
	if a := e.deviceAction(); a.URL != "" {
		message += ": " + a.URL
	}
	if e.RequestID != "" {
		message += " (request " + line(e.RequestID) + ")"
	}
	a.Header.Set("Grpc-Status", strconv.Itoa(grpcCode(e.status())))
	a.Header.Set("Grpc-Message", strings.ReplaceAll(url.QueryEscape(message), "+", " "))
	return a
}

// grpcCode maps a status to a gRPC code: the table of gRPC ("HTTP to gRPC Status
// Code Mapping"), made exact where we know more than a client that sees only a
// number.
func grpcCode(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusRequestURITooLong:
		return 3 // INVALID_ARGUMENT
	case http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return 4 // DEADLINE_EXCEEDED
	case http.StatusForbidden, StatusDeviceNotAllowed:
		return 7 // PERMISSION_DENIED
	case http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return 8 // RESOURCE_EXHAUSTED
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return 12 // UNIMPLEMENTED
	case http.StatusInternalServerError:
		return 13 // INTERNAL
	case http.StatusTooManyRequests, http.StatusMisdirectedRequest, http.StatusBadGateway, http.StatusServiceUnavailable:
		return 14 // UNAVAILABLE: try again, on a new connection
	case http.StatusUnauthorized, StatusCertificateNeeded:
		return 16 // UNAUTHENTICATED
	}
	return 2 // UNKNOWN
}

// marshal cannot fail: the values are strings and numbers. HTML characters are
// escaped, which keeps a body harmless even where a browser is made to sniff it.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("{}")
	}
	return append(b, '\n')
}
