package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// dial opens a TLS connection with a server name of the test's choosing; "" is
// none. The certificate is not looked at.
func (in *instance) dial(t testing.TB, serverName, protocol string) *tls.Conn {
	t.Helper()
	conn, err := in.tryDial(&tls.Config{ServerName: serverName, NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (in *instance) tryDial(c *tls.Config) (*tls.Conn, error) {
	c.InsecureSkipVerify = true // tests of what happens behind it
	raw, err := net.DialTimeout("tcp", in.address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, c)
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := conn.Handshake(); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// refused is the status of a request that was answered by closing.
const refused = 0

// raw sends bytes on a connection of their own and returns the first answer;
// its status is refused when the connection was closed instead.
func (in *instance) raw(t testing.TB, serverName, request string) answer {
	t.Helper()
	conn := in.dial(t, serverName, "http/1.1")
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, bufio.NewReader(conn), "GET")
}

// readAnswer reads one HTTP/1.1 response.
func readAnswer(t testing.TB, from *bufio.Reader, method string) answer {
	t.Helper()
	resp, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Fatal("no answer in time, and the connection stays open")
		}
		return answer{status: refused}
	}
	if method == http.MethodConnect && resp.StatusCode == http.StatusOK {
		return answer{status: resp.StatusCode, header: resp.Header} // what follows is the tunnel
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // as far as it came
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body), proto: resp.Proto}
}

// request writes an HTTP/1.1 request: a request line, a host, more header lines.
func request(line, host string, headers ...string) string {
	return line + "\r\nHost: " + host + "\r\nConnection: close\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// raw2 sends one HTTP/2 request whose fields no library would send, in pairs of
// name and value, and returns the answer; its status is refused when the stream
// or the connection was reset.
func (in *instance) raw2(t testing.TB, serverName string, fields ...string) answer {
	t.Helper()
	conn := in.dial(t, serverName, "h2")
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Fatalf("negotiated %q, want h2", got)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	err := errors.Join(framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	a, err := readStream(framer)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// readStream reads the answer on stream 1.
func readStream(framer *http2.Framer) (answer, error) {
	a := answer{header: http.Header{}, proto: "HTTP/2.0"}
	for {
		frame, err := framer.ReadFrame()
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			return a, fmt.Errorf("no answer in time, and the connection stays open")
		case err != nil:
			return answer{status: refused}, nil
		}
		switch f := frame.(type) {
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			if a.status != 0 {
				return a, nil // answered before
			}
			return answer{status: refused}, nil
		case *http2.MetaHeadersFrame:
			for _, field := range f.Fields {
				if field.Name == ":status" {
					a.status, _ = strconv.Atoi(field.Value)
				}
				a.header.Add(field.Name, field.Value)
			}
			if f.StreamEnded() {
				return a, nil
			}
		case *http2.DataFrame:
			a.body += string(f.Data())
			if f.StreamEnded() {
				return a, nil
			}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = framer.WriteSettingsAck() // the next read tells if it is gone
			}
		}
	}
}
