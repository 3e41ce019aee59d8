package ticket

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func box(b byte) *Box { return New([32]byte{b}) }

var sample = Ticket{
	Kind: ForHost, SessionID: "s-1", Version: 7, Host: "app.example.com",
	Binder: BinderHash("browser"), IssuedAt: time.Unix(1_700_000_000, 0),
}

func TestOpenReturnsWhatWasIssued(t *testing.T) {
	got, err := box(1).Open(box(1).Issue(sample), sample.Host)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := box(1).Issue(sample)
	last := good[len(good)-1]
	token := box(1).Issue(Ticket{Kind: ForAccount, SessionID: "s-1"})
	for name, tc := range map[string]struct {
		value, host string
		key         byte
	}{
		"another host":                     {good, "other.example.com", 1},
		"a parent domain":                  {good, "example.com", 1},
		"upper-case host":                  {good, "APP.example.com", 1},
		"another key":                      {good, sample.Host, 2},
		"empty":                            {"", sample.Host, 1},
		"truncated":                        {good[:len(good)-4], sample.Host, 1},
		"extended":                         {good + "AAAA", sample.Host, 1},
		"padded":                           {good + "=", sample.Host, 1},
		"line break inside":                {good[:8] + "\n" + good[8:], sample.Host, 1},
		"another last letter":              {good[:len(good)-1] + string(last^1), sample.Host, 1},
		"too long":                         {strings.Repeat("A", MaxLength+1), sample.Host, 1},
		"another format byte":              {"AgAA" + good[4:], sample.Host, 1},
		"standard alphabet":                {"+/" + good[2:], sample.Host, 1},
		"no session id inside":             {box(1).Issue(Ticket{Host: sample.Host}), sample.Host, 1},
		"an account's token":               {token, sample.Host, 1},
		"an account's, no host":            {token, "", 1},
		"an account's, marked as a host's": {asKind(token, ForHost), sample.Host, 1},
		"an account's, marked, no host":    {asKind(token, ForHost), "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := box(tc.key).Open(tc.value, tc.host); err != ErrInvalid {
				t.Errorf("Open = %+v, %v; want ErrInvalid", got, err)
			}
		})
	}
}

// asKind rewrites the first byte of a ticket.
func asKind(value string, kind Kind) string {
	raw, _ := base64.RawURLEncoding.DecodeString(value)
	raw[0] = byte(kind)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func TestOpenAccount(t *testing.T) {
	want := Ticket{Kind: ForAccount, SessionID: "s-1", Version: 7, IssuedAt: sample.IssuedAt}
	lavish := want
	lavish.Host, lavish.Binder = sample.Host, sample.Binder // an account has neither
	token := box(1).Issue(lavish)
	got, err := box(1).OpenAccount(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// One host is nothing: with an empty name the additional data of the kinds
	// differ by their first byte alone.
	nowhere := box(1).Issue(Ticket{SessionID: "s-1"})
	for name, tc := range map[string]struct {
		value string
		key   byte
	}{
		"a host's ticket": {box(1).Issue(sample), 1}, "the same, marked as a token": {asKind(box(1).Issue(sample), ForAccount), 1},
		"a ticket of no host": {nowhere, 1}, "the same, marked": {asKind(nowhere, ForAccount), 1},
		"another installation's": {token, 2}, "truncated": {token[:len(token)-2], 1}, "empty": {"", 1}, "extended": {token + "AA", 1},
		"no session id": {box(1).Issue(Ticket{Kind: ForAccount}), 1}, "a kind there is not": {asKind(token, 3), 1},
	} {
		if got, err := box(tc.key).OpenAccount(tc.value); err != ErrInvalid {
			t.Errorf("%s: %+v, %v; want ErrInvalid", name, got, err)
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	good := box(1).Issue(sample)
	raw, _ := base64.RawURLEncoding.DecodeString(good)
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			altered := base64.RawURLEncoding.EncodeToString(raw)
			if _, err := box(1).Open(altered, sample.Host); err == nil {
				t.Errorf("byte %d bit %d flipped: opened", i, bit)
			}
			if _, err := box(1).OpenAccount(altered); err == nil {
				t.Errorf("byte %d bit %d flipped: opened as an account's", i, bit)
			}
			raw[i] ^= 1 << bit
		}
	}
}

func TestPresented(t *testing.T) {
	handle := sample
	handle.Binder = ""
	account := Ticket{Kind: ForAccount, SessionID: "s-1", Version: 7}
	for name, tc := range map[string]struct {
		ticket  Ticket
		source  Source
		binder  string
		browser bool
		want    bool
	}{
		"the browser it was made for":               {sample, FromCookie, "browser", true, true},
		"a browser with another binder":             {sample, FromCookie, "other", true, false},
		"a browser without a binder":                {sample, FromCookie, "", true, false},
		"a script with the one cookie":              {sample, FromCookie, "", false, true},
		"a script with a wrong binder":              {sample, FromCookie, "other", false, false},
		"a cookie's ticket copied into a header":    {sample, FromHeader, "browser", false, false},
		"a handle in a header":                      {handle, FromHeader, "", false, true},
		"a handle in the query of a script":         {handle, FromQuery, "", false, true},
		"a handle in a link that a browser follows": {handle, FromQuery, "", true, false},
		"a handle planted as a cookie":              {handle, FromCookie, "browser", true, false},
		"a handle planted as a cookie, in a script": {handle, FromCookie, "", false, false},
		"an account's token in a header":            {account, FromHeader, "", false, true},
		"an account's token in a link":              {account, FromQuery, "", true, false},
		"an account's token in a script's address":  {account, FromQuery, "", false, false},
		"an account's token as a cookie":            {account, FromCookie, "browser", true, false},
		"an account's token as a script's cookie":   {account, FromCookie, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.ticket.Presented(tc.source, tc.binder, tc.browser); got != tc.want {
				t.Errorf("Presented = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	for name, tc := range map[string]struct {
		carrier Carrier
		want    []Candidate
	}{
		"nothing":              {Carrier{}, nil},
		"one cookie":           {Carrier{Cookie: "a=1; _pomerium=T; b=2"}, []Candidate{{"T", FromCookie}}},
		"quoted":               {Carrier{Cookie: `_pomerium="T"`}, []Candidate{{"T", FromCookie}}},
		"derived names do not": {Carrier{Cookie: "_pomerium_csrf=T; x_pomerium=T; _POMERIUM=T"}, nil},
		"many are bounded": {Carrier{Cookie: strings.Repeat("_pomerium=T; ", 100)},
			[]Candidate{{"T", FromCookie}, {"T", FromCookie}, {"T", FromCookie}, {"T", FromCookie}}},
		"all sources in order": {
			Carrier{Cookie: "_pomerium=C", XPomerium: "X", Authorization: "Bearer Pomerium-B", RawQuery: "pomerium_session=Q"},
			[]Candidate{{"C", FromCookie}, {"X", FromHeader}, {"B", FromHeader}, {"Q", FromQuery}}},
		"scheme in any case":          {Carrier{Authorization: "pOMERIUM T"}, []Candidate{{"T", FromHeader}}},
		"somebody else's bearer":      {Carrier{Authorization: "Bearer T"}, nil},
		"twice in the query is never": {Carrier{RawQuery: "pomerium_session=a&pomerium_session=b"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Find(tc.carrier, "_pomerium")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	b := box(1)
	f.Add(b.Issue(sample), sample.Host)
	f.Add(b.Issue(Ticket{Kind: ForAccount, SessionID: "s-1"}), "")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, value, host string) {
		got, err := b.Open(value, host)
		if err == nil && (value != "" && got.Host != host) {
			t.Errorf("opened for %q as %q", host, got.Host)
		}
		if account, accountErr := b.OpenAccount(value); err == nil && accountErr == nil || accountErr == nil && account.Kind != ForAccount {
			t.Errorf("one text opens as %+v and as %+v", got, account)
		}
	})
}

func FuzzFind(f *testing.F) {
	f.Add("_pomerium=a; b=c", "Bearer Pomerium-x", "pomerium_session=1")
	f.Fuzz(func(t *testing.T, cookie, authorization, query string) {
		got := Find(Carrier{Cookie: cookie, Authorization: authorization, RawQuery: query}, "_pomerium")
		if len(got) > maxCandidates+3 {
			t.Errorf("%d candidates", len(got))
		}
	})
}
