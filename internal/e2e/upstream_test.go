package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// received is a request as an upstream got it. Names of headers are in Go's
// canonical form; those that are no token stay as they came.
type received struct {
	Upstream string      `json:"upstream"` // its name
	Method   string      `json:"method"`
	Target   string      `json:"target"` // path and query, as they stood in the request
	Host     string      `json:"host"`
	Proto    string      `json:"proto"`
	Header   http.Header `json:"header"`
	Trailer  http.Header `json:"trailer"`
	Body     string      `json:"body"`
	Client   string      `json:"client"` // the name in the client's certificate
}

// An upstream is an application that tells what it got. Some paths do more:
//
//	/echo/status/N    answers with that status
//	/echo/cookies     sets a cookie for each "c" in the query
//	/echo/header      sets the response header named by "name" to "value"
//	/echo/slow        answers after the "for" in the query, or never when the client leaves
//	/echo/ws          sends back websocket messages
//	/echo/ticks       sends a line again and again until the client leaves
//	/echo/hold        begins an answer and sends no more until the client leaves
//	/echo/stream      sends a line at once and another when the client has left or 30 s have passed
type upstream struct {
	name   string
	server *httptest.Server
	count  atomic.Int64
}

// newUpstream starts one. With a TLS configuration it speaks https, and HTTP/2
// if that is in its NextProtos; without, HTTP/1.1 and unencrypted HTTP/2.
func newUpstream(name string, config *tls.Config) *upstream {
	u := &upstream{name: name}
	u.server = httptest.NewUnstartedServer(u)
	u.server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that tests mean to fail
	u.server.Config.Protocols = new(http.Protocols)
	u.server.Config.Protocols.SetHTTP1(true)
	u.server.Config.Protocols.SetUnencryptedHTTP2(config == nil)
	if config == nil {
		u.server.Start()
		return u
	}
	u.server.Config.Protocols.SetHTTP2(true)
	u.server.TLS = config
	u.server.EnableHTTP2 = true
	u.server.StartTLS()
	return u
}

// address is its host:port.
func (u *upstream) address() string { return u.server.Listener.Addr().String() }

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.count.Add(1)
	query := r.URL.Query()
	var status int
	if n, _ := fmt.Sscanf(r.URL.Path, "/echo/status/%d", &status); n == 1 {
		w.WriteHeader(status)
		return
	}
	switch r.URL.Path {
	case "/echo/ws":
		websocket.Server{Handler: echoMessages}.ServeHTTP(w, r)
		return
	case "/echo/cookies":
		for _, c := range query["c"] {
			w.Header().Add("Set-Cookie", c)
		}
	case "/echo/header":
		w.Header().Set(query.Get("name"), query.Get("value"))
	case "/echo/slow":
		d, _ := time.ParseDuration(query.Get("for"))
		if !waitFor(r, d) {
			return
		}
	case "/echo/ticks":
		for {
			_, _ = io.WriteString(w, "tick\n")
			_ = http.NewResponseController(w).Flush()
			if !waitFor(r, 20*time.Millisecond) {
				return
			}
		}
	case "/echo/hold":
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	case "/echo/stream":
		_, _ = io.WriteString(w, "begun\n")
		_ = http.NewResponseController(w).Flush()
		waitFor(r, 30*time.Second)
		_, _ = io.WriteString(w, "ended\n")
		return
	}
	u.tell(w, r)
}

// echoMessages sends back each message until the other side leaves.
func echoMessages(ws *websocket.Conn) {
	for {
		var message string
		if websocket.Message.Receive(ws, &message) != nil || websocket.Message.Send(ws, message) != nil {
			return
		}
	}
}

// waitFor reports whether d passed before the client left.
func waitFor(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (u *upstream) tell(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // as far as it came
	got := received{
		Upstream: u.name, Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		Header: r.Header, Trailer: r.Trailer, Body: string(body),
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		got.Client = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	text, err := json.Marshal(got)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text)
}

// serveTCP starts an upstream that sends back what it gets.
func serveTCP(t testing.TB) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // stopped
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String(), func() { _ = l.Close() }
}
