package verify

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/websocket"
)

// maxMessage bounds one websocket message, in bytes.
const maxMessage = 1 << 20

// A message is one websocket message with its type, text or binary, so that it
// goes back as it came.
type message struct {
	payload []byte
	kind    byte
}

var echo = websocket.Codec{
	Marshal: func(v any) ([]byte, byte, error) {
		m := v.(*message)
		return m.payload, m.kind, nil
	},
	Unmarshal: func(payload []byte, kind byte, v any) error {
		*v.(*message) = message{payload, kind}
		return nil
	},
}

// echoServer sends every message back until the client leaves. It takes any
// origin: it knows nothing that another site could steal, and who may connect
// was decided by the route's policy.
func echoServer() http.Handler {
	return websocket.Server{
		Handshake: func(*websocket.Config, *http.Request) error { return nil },
		Handler: func(ws *websocket.Conn) {
			ws.MaxPayloadBytes = maxMessage
			for {
				var m message
				if echo.Receive(ws, &m) != nil || echo.Send(ws, &m) != nil {
					return
				}
			}
		},
	}
}

// Bounds of /sse.
const (
	maxEvents = 3600
	minEvery  = 10 * time.Millisecond
	maxEvery  = time.Minute
)

// serveEvents sends n events (10, or ?n= up to 3600), one every second (or
// ?every=, such as 100ms), and ends early when the client leaves.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 1 {
		n = 10
	}
	every, err := time.ParseDuration(r.URL.Query().Get("every"))
	if err != nil {
		every = time.Second
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	flush := http.NewResponseController(w).Flush
	tick := time.NewTicker(min(max(every, minEvery), maxEvery))
	defer tick.Stop()
	for i := range min(n, maxEvents) {
		if i > 0 {
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
		_, err := fmt.Fprintf(w, "id: %d\ndata: {\"n\":%d,\"time\":%q}\n\n", i+1, i+1, s.now().UTC().Format(time.RFC3339Nano))
		if err != nil || flush() != nil {
			return
		}
	}
}
