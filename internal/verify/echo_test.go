package verify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/websocket"
)

func TestTheWebsocketEchoes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newBench(t).server.Handler())
	defer server.Close()
	ws, err := websocket.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/ws", "", "https://elsewhere.example")
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	for _, want := range []message{{[]byte("hello"), websocket.TextFrame}, {[]byte{0, 1, 255}, websocket.BinaryFrame}} {
		if err := echo.Send(ws, &want); err != nil {
			t.Fatal(err)
		}
		var got message
		if err := echo.Receive(ws, &got); err != nil {
			t.Fatal(err)
		}
		if string(got.payload) != string(want.payload) || got.kind != want.kind {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestEventsArriveOneByOne(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newBench(t).server.Handler())
	defer server.Close()
	resp, err := http.Get(server.URL + "/sse?n=3&every=1ms")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type = %q", got)
	}
	if n := strings.Count(string(text), "data: {"); n != 3 {
		t.Errorf("%d events, want 3:\n%s", n, text)
	}
}
