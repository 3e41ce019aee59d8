package databroker

import (
	"bytes"
	"testing"
)

// Whoever can write to the store can put any bytes there: they must not take
// the server down, and only what was sealed may open.
func FuzzOpenEntry(f *testing.F) {
	v, err := openVault(f.Context(), NewMemoryStore(MemoryOptions{}), []byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	key := v.key("session", "id")
	e, err := v.seal(key, &Record{Type: "session", ID: "id", Version: 1, Data: []byte("data")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Value, uint64(1))
	f.Add(e.Value[:10], uint64(1))
	f.Add([]byte{}, uint64(0))
	f.Fuzz(func(t *testing.T, value []byte, version uint64) {
		r, err := v.open(t.Context(), Entry{Key: key, Version: version, Value: value})
		if err == nil && (version != 1 || !bytes.Equal(value, e.Value)) {
			t.Errorf("other bytes opened to %+v", r)
		}
	})
}

// A record's data may come from a program of another version.
func FuzzDecodeValue(f *testing.F) {
	c := newCodec([]byte("secret"))
	data, err := c.encode(TypeSession, "id", &Session{UserID: "u", IDToken: NewSecret("t"), Claims: map[string]any{"n": 1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"v":{},"s":{"/id_token":"AAAA"}}`))
	f.Add([]byte(`{"v":null}`))
	f.Add([]byte(`{"v":{"id_token":{"text":"x"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Session
		if c.decode(TypeSession, "id", data, &s) == nil && !s.IDToken.IsZero() && s.IDToken.Reveal() != "t" {
			t.Error("a token that was not sealed came out")
		}
	})
}
