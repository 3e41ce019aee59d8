package authorize

import (
	"testing"
)

func TestHostnameOf(t *testing.T) {
	for _, tc := range []struct {
		host, want string
		ok         bool
	}{
		{"app.example", "app.example", true},
		{"APP.Example:8443", "app.example", true},
		{"app.example.", "app.example", true},
		{"app.example.:443", "app.example", true},
		{"[2001:db8::1]:443", "2001:db8::1", true},
		{"192.0.2.1", "192.0.2.1", true},
		{"xn--bcher-kva.example", "xn--bcher-kva.example", true},
		{"", "", false},
		{".", "", false},
		{"app.example:", "", false},
		{"app.example:http", "", false},
		{"app.example:443:443", "", false},
		{"user@app.example", "", false},
		{"app.example/x", "", false},
		{"app example", "", false},
		{"app\x00.example", "", false},
		{"bücher.example", "", false},
		{"[::1", "", false},
		{"[::1%25eth0]", "", false},
		{"[app.example]", "", false},
	} {
		t.Run(tc.host, func(t *testing.T) {
			got, ok := hostnameOf(tc.host)
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("hostnameOf(%q) = %q, %v; want %q, %v", tc.host, got, ok, tc.want, tc.ok)
			}
		})
	}
}

func TestDecodePath(t *testing.T) {
	for _, tc := range []struct {
		name, method, raw, want string
		ok                      bool
	}{
		{"an ordinary path is itself", "GET", "/a/b", "/a/b", true},
		{"an escape is decoded", "GET", "/a%20b", "/a b", true},
		{"an escape is decoded once only", "GET", "/%2561", "/%61", true},
		{"a plus is a plus", "GET", "/a+b", "/a+b", true},
		{"a name with dots is no dot segment", "GET", "/.well-known/..x/a..b/...", "/.well-known/..x/a..b/...", true},
		{"parameters of a segment stay", "GET", "/a;x=1/b", "/a;x=1/b", true},
		{"CONNECT has no path", "CONNECT", "", "", true},
		{"OPTIONS may ask about the server", "OPTIONS", "*", "", true},
		{"any other request has a path", "GET", "", "", false},
		{"a star is for OPTIONS alone", "GET", "*", "", false},
		{"a path begins with a slash", "GET", "a", "", false},
		{"a broken escape is refused", "GET", "/%zz", "", false},
		{"a cut escape is refused", "GET", "/a%2", "", false},
		{"NUL is refused", "GET", "/a%00b", "", false},
		{"a dot segment is refused", "GET", "/public/../admin", "", false},
		{"an escaped dot segment is refused", "GET", "/public/%2e%2E/admin", "", false},
		{"a dot segment behind an escaped slash is refused", "GET", "/public%2f..%2fadmin", "", false},
		{"a dot segment with parameters is refused", "GET", "/public/..;x=/admin", "", false},
		{"a dot segment behind a backslash is refused", "GET", `/public\..\admin`, "", false},
		{"a dot segment at the end is refused", "GET", "/public/..", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := decodePath(tc.raw, tc.method)
			if ok != tc.ok || ok && got != tc.want {
				t.Errorf("decodePath(%q) = %q, %v; want %q, %v", tc.raw, got, ok, tc.want, tc.ok)
			}
		})
	}
}
