package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
)

// modeUpstream makes this program the application behind the proxies.
const modeUpstream = "serve-upstream"

// receivedPath is answered with the request itself, so that a check can see
// what came through.
const receivedPath = "/received"

// serveUpstream answers every HTTP/1.1 request on address with "ok" until ctx
// ends. It reads no more of a request than where it ends: it must cost little
// next to the proxies, and it does not know requests with a body.
func serveUpstream(ctx context.Context, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go answerAll(conn)
	}
}

var (
	endOfHead  = []byte("\r\n\r\n")
	answerOK   = []byte("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok")
	wantsEcho  = []byte("GET " + receivedPath + " ")
	maxRequest = 64 << 10 // bytes
)

func answerAll(conn net.Conn) {
	defer func() { _ = conn.Close() }() // the other side has gone
	buffer := make([]byte, 0, 8<<10)
	for {
		end := bytes.Index(buffer, endOfHead)
		if end < 0 {
			if len(buffer) > maxRequest {
				return
			}
			if len(buffer) == cap(buffer) {
				buffer = append(make([]byte, 0, 2*cap(buffer)), buffer...)
			}
			n, err := conn.Read(buffer[len(buffer):cap(buffer)])
			if err != nil {
				return
			}
			buffer = buffer[:len(buffer)+n]
			continue
		}
		head := buffer[:end+len(endOfHead)]
		answer := answerOK
		if bytes.HasPrefix(head, wantsEcho) {
			answer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s", len(head), head)
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
		buffer = buffer[:copy(buffer, buffer[len(head):])]
	}
}
