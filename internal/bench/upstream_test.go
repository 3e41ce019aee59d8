package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpstream(t *testing.T) {
	long := "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + strings.Repeat("c", 20<<10) + "\r\n\r\n"
	for _, tc := range []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"answers ok", []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, []string{"ok"}},
		{"waits for the end of a request", []string{"GET / HTTP/1.1\r\nHo", "st: a\r\n\r", "\n"}, []string{"ok"}},
		{"answers two requests that come at once", []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n"}, []string{"ok", "ok"}},
		{"takes long headers", []string{long}, []string{"ok"}},
		{"says what it received", []string{"GET /received HTTP/1.1\r\nHost: a\r\n\r\n"}, []string{"GET /received HTTP/1.1\r\nHost: a\r\n\r\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server := net.Pipe()
			go answerAll(server)
			defer client.Close()
			go func() {
				for _, piece := range tc.pieces {
					if _, err := io.WriteString(client, piece); err != nil {
						return // the test has ended
					}
				}
			}()
			in := bufio.NewReader(client)
			var got []string
			for range tc.want {
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(body))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadForm(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "in.example", Path: "/a/b"}
	page := `<form action="/search"><input name="q"></form>
<form method=post action="/go?x=1&amp;y=2"><input type=hidden name=csrf value="a&quot;b"><input name=email><input type=password name=password></form>`
	action, fields, err := readForm(base, page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("https://in.example/go?x=1&y=2", action.String()); diff != "" {
		t.Errorf("action (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(url.Values{"csrf": {`a"b`}, "email": {""}, "password": {""}}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if _, _, err := readForm(base, "<form><input name=q></form>"); err == nil {
		t.Error("a page without a password has a form to sign in with")
	}
}
