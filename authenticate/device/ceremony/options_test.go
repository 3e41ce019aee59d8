package ceremony_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/google/go-cmp/cmp"
)

func TestNewSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"https://login.example.com":      "",
		"https://login.example.com:8443": "",
		"http://localhost:8080":          "",
		"https://login.localhost":        "",
		"http://login.localhost":         "",
		"":                               "want a scheme",
		"login.example.com":              "want a scheme",
		"https://login.example.com/":     "want a scheme",
		"https://a@login.example.com":    "want a scheme",
		"https://login.example.com?a":    "want a scheme",
		"https://login.example.com:443":  "leave this port out",
		"http://localhost:80":            "leave this port out",
		"https://login.example.com:":     "leave this port out",
		"https://Login.example.com":      "lower case",
		"https://lögin.example.com":      "lower case",
		"http://login.example.com":       "want https",
		"ftp://localhost":                "want https",
		"https://127.0.0.1":              "IP address",
		"https://[::1]:8443":             "IP address",
	} {
		p, err := ceremony.New(ceremony.Options{Name: "Example", Origin: origin})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", origin, err, want)
		}
		if err == nil && (p.Origin() != origin || strings.ContainsAny(p.ID(), ":/")) {
			t.Errorf("%q: origin %q, id %q", origin, p.Origin(), p.ID())
		}
	}
	if _, err := ceremony.New(ceremony.Options{Origin: origin}); err == nil {
		t.Error("a party without a name is let through")
	}
}

// text compares JSON without regard to order and spaces.
func text(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatTheBrowserIsAsked(t *testing.T) {
	t.Parallel()
	p := party(t, nil)
	known := []ceremony.Credential{{ID: []byte("a"), Transports: []string{"internal"}}, {ID: []byte("b")}}
	creation := func(selection string) string {
		return `{"rp":{"id":"login.example.com","name":"Example"},
			"user":{"id":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","name":"alice@example.com","displayName":"Alice"},
			"challenge":"Z2dnZ2dnZ2dnZ2dnZ2dnZw","timeout":900000,"attestation":"direct",
			"pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-8},{"type":"public-key","alg":-257}],
			"excludeCredentials":[{"type":"public-key","id":"YQ","transports":["internal"]},{"type":"public-key","id":"Yg"}],
			"authenticatorSelection":` + selection + `,"extensions":{"credProps":true}}`
	}
	short := bytes.Repeat([]byte("g"), 16)
	for deviceType, want := range map[string]string{
		ceremony.Any:     creation(`{"residentKey":"preferred","requireResidentKey":false,"userVerification":"preferred"}`),
		ceremony.Enclave: creation(`{"authenticatorAttachment":"platform","residentKey":"required","requireResidentKey":true,"userVerification":"preferred"}`),
	} {
		c, err := p.CreationOptions(alice, deviceType, short, known, ceremony.VerificationPreferred)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text(t, []byte(want)), text(t, encoded(t, c))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", deviceType, diff)
		}
	}
	q, err := p.RequestOptions(alice.ID, known, short, ceremony.VerificationRequired)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"challenge":"Z2dnZ2dnZ2dnZ2dnZ2dnZw","timeout":900000,"rpId":"login.example.com","userVerification":"required",
		"allowCredentials":[{"type":"public-key","id":"YQ","transports":["internal"]},{"type":"public-key","id":"Yg"}]}`
	if diff := cmp.Diff(text(t, []byte(want)), text(t, encoded(t, q))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestQuestionsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	p := party(t, nil)
	long := ceremony.User{ID: make([]byte, 65)}
	for _, tc := range []struct {
		name       string
		user       ceremony.User
		deviceType string
		challenge  []byte
		uv         string
	}{
		{"an unknown type", alice, "usb", challenge, ceremony.VerificationRequired},
		{"no type", alice, "", challenge, ceremony.VerificationRequired},
		{"a user of no handle", ceremony.User{}, ceremony.Any, challenge, ceremony.VerificationRequired},
		{"a user of a long handle", long, ceremony.Any, challenge, ceremony.VerificationRequired},
		{"a short challenge", alice, ceremony.Any, challenge[:15], ceremony.VerificationRequired},
		{"an unknown verification", alice, ceremony.Any, challenge, "always"},
		{"no verification", alice, ceremony.Any, challenge, ""},
	} {
		if _, err := p.CreationOptions(tc.user, tc.deviceType, tc.challenge, nil, tc.uv); err == nil {
			t.Errorf("%s: creation is let through", tc.name)
		}
		if tc.deviceType != ceremony.Any {
			continue
		}
		if _, err := p.RequestOptions(tc.user.ID, nil, tc.challenge, tc.uv); err == nil {
			t.Errorf("%s: request is let through", tc.name)
		}
	}
	many, err := p.RequestOptions(alice.ID, make([]ceremony.Credential, 100), challenge, ceremony.VerificationRequired)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(encoded(t, many)), "public-key"); n != 64 {
		t.Errorf("%d of 100 credentials are listed, want 64", n)
	}
}
