package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheEncodingStaysAsItIs holds an entry against the bytes that docs/audit.md
// describes, written out by hand; hash and signature are those that Python and OpenSSL make
// of them.
func TestTheEncodingStaysAsItIs(t *testing.T) {
	t.Parallel()
	e := full(2)
	e.Sequence, e.Previous = 2, Hash(bytes.Repeat([]byte{0xab}, 32))
	want := "01" +
		"00000008" + "0000000000000002" +
		"00000020" + strings.Repeat("ab", 32) +
		"00000008" + "000001a2142fbb0b"
	for _, s := range []string{
		"change-2", "Ada Lovelace", "ada@example.com", "idp/ada", "s-1", "admin", "web", "192.0.2.7",
		"device.approve", "device", "d-2", "idp/bob", "done", "r-2",
	} {
		want += field(s)
	}
	want += "00000008" + "0000000000000002" + field("name") + field("Bob's key") + field("type") + field("any")
	if diff := cmp.Diff(want, hex.EncodeToString(e.canonical())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const hash = "db8ddb5632be9137b8c7eae171c9826c3128c69c1c6c4e3f5953f45070387c78"
	if got := e.sum().String(); got != hash {
		t.Errorf("hash %s, want %s", got, hash)
	}
	h := signed(Entry{Sequence: 2, Hash: e.sum()}, testKey)
	const signature = "8533b2c6718bf2cb3547d027f73db7d17ea2ca12cd7ec8b0a972455d5d9a7659" +
		"fb1c9a5354d624315a5b4bf8df021f5a9aeb29feb0783ce2298fb3f8a5611905"
	if got := hex.EncodeToString(h.Signature); got != signature {
		t.Errorf("signature %s, want %s", got, signature)
	}
}

func field(s string) string {
	return hex.EncodeToString([]byte{0, 0, 0, byte(len(s))}) + hex.EncodeToString([]byte(s))
}

func TestNoTwoEntriesShareAnEncoding(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, e := range variants() {
		encoded := string(e.canonical())
		if other, ok := seen[encoded]; ok {
			t.Errorf("%s and %s have one encoding", name, other)
		}
		seen[encoded] = name
	}
}

// variants are entries that differ in one thing each.
func variants() map[string]Entry {
	out := map[string]Entry{"as it is": full(1)}
	base := full(1)
	for i := range base.texts() {
		e := full(1)
		*e.texts()[i] += "x"
		out["text "+base.textName(i)] = e
		e = full(1)
		*e.texts()[i] = ""
		out["no text "+base.textName(i)] = e
	}
	add := func(name string, change func(*Entry)) {
		e := full(1)
		change(&e)
		out[name] = e
	}
	add("number", func(e *Entry) { e.Sequence++ })
	add("previous", func(e *Entry) { e.Previous[31]++ })
	add("time", func(e *Entry) { e.Time = e.Time.Add(time.Millisecond) })
	add("a detail more", func(e *Entry) { e.Details["z"] = "" })
	add("another detail", func(e *Entry) { e.Details["name"] = "x" })
	add("a detail less", func(e *Entry) { delete(e.Details, "name") })
	add("no details", func(e *Entry) { e.Details = nil })
	add("a border moved", func(e *Entry) { e.Actor.Name, e.Actor.Email = e.Actor.Name+"a", e.Actor.Email[1:] })
	add("a border of details moved", func(e *Entry) { e.Details = map[string]string{"nameB": "ob's key", "type": "any"} })
	add("a field inside a text", func(e *Entry) { e.Actor.Name, e.Actor.Email = "Ada Lovelace\x00\x00\x00\x0fada@example.com", "" })
	return out
}

func (e *Entry) textName(i int) string {
	v := reflect.ValueOf(e).Elem()
	at := reflect.ValueOf(e.texts()[i]).Pointer()
	for _, v := range []reflect.Value{v, v.FieldByName("Actor")} {
		for j := range v.NumField() {
			if v.Field(j).Kind() == reflect.String && v.Field(j).Addr().Pointer() == at {
				return v.Type().Field(j).Name
			}
		}
	}
	return "?"
}

// TestEveryTextIsHashed finds a text of Entry or Actor that the encoding forgot.
func TestEveryTextIsHashed(t *testing.T) {
	t.Parallel()
	var e Entry
	named := map[string]bool{}
	for i := range e.texts() {
		named[e.textName(i)] = true
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Entry](), reflect.TypeFor[Actor]()} {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.Type.Kind() == reflect.String && !named[f.Name] {
				t.Errorf("%s.%s is in no encoding", typ.Name(), f.Name)
			}
		}
	}
	if n := reflect.TypeFor[Entry]().NumField(); n != 13 || named["?"] {
		t.Errorf("Entry has %d fields: is every one encoded?", n)
	}
}

func TestWhatIsNoEncodingIsRefused(t *testing.T) {
	t.Parallel()
	e := full(1)
	e.Sequence = 1
	good := e.canonical()
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(good, []byte("\x00\x00\x00\x04name"))
	swapped := append(bytes.Clone(good[:at]), good[at+len("\x00\x00\x00\x04name\x00\x00\x00\x09Bob's key"):]...)
	swapped = append(swapped, "\x00\x00\x00\x04name\x00\x00\x00\x09Bob's key"...)
	for name, data := range map[string][]byte{
		"nothing": {}, "another version": append([]byte{2}, good[1:]...), "cut": good[:len(good)-1],
		"more": append(bytes.Clone(good), 0), "details out of order": swapped,
		"a short number": append([]byte{1, 0, 0, 0, 7}, good[6:]...),
		"no number":      full(1).bytes(), "a result that is none": with(e, func(e *Entry) { e.Result = "x" }),
		"a long text": with(e, func(e *Entry) { e.Subject = strings.Repeat("x", MaxText+1) }),
		"no text":     with(e, func(e *Entry) { e.Subject = "\xff" }),
		"no time":     with(e, func(e *Entry) { e.Time = time.UnixMilli(1 << 60) }),
		"many details": with(e, func(e *Entry) {
			for c := range byte(MaxDetails) {
				e.Details[string('a'+rune(c))] = ""
			}
		}),
	} {
		if got, err := decode(data); err == nil {
			t.Errorf("%s: decoded to %+v", name, got)
		}
	}
}

func (e Entry) bytes() []byte { return e.canonical() }

func with(e Entry, change func(*Entry)) []byte {
	e.Details = map[string]string{"name": "n"}
	change(&e)
	return e.canonical()
}

func FuzzDecode(f *testing.F) {
	for _, e := range variants() {
		e.Sequence = max(e.Sequence, 1)
		f.Add(e.canonical())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		if again := e.canonical(); !bytes.Equal(again, data) {
			t.Errorf("%x decodes to what encodes to %x", data, again)
		}
	})
}

// FuzzEncode has a stranger choose texts: what is appended is decoded to the
// same, and another choice has another encoding.
func FuzzEncode(f *testing.F) {
	f.Add("a", "b", "c", "d", "ab", "", "c", "d")
	f.Add("\xff", "\x00\x00\x00\x01x", "", "", "\uFFFD", "\x00\x00\x00\x01x", "", "")
	f.Fuzz(func(t *testing.T, a, b, c, d, a2, b2, c2, d2 string) {
		one, two := chosen(a, b, c, d), chosen(a2, b2, c2, d2)
		for _, e := range []Entry{one, two} {
			got, err := decode(e.canonical())
			if diff := cmp.Diff(e, got); err != nil || diff != "" {
				t.Errorf("decode = %v (-want +got):\n%s", err, diff)
			}
		}
		if same := cmp.Equal(one, two); same != bytes.Equal(one.canonical(), two.canonical()) || same != (one.sum() == two.sum()) {
			t.Errorf("%+v and %+v: same %v", one, two, same)
		}
		var line Line
		line.Entry = &one
		text, err := line.text()
		back, ok := parseLine(bytes.TrimRight(text, "\n"))
		if err != nil || !ok || sha256.Sum256(back.Entry.canonical()) != one.sum() {
			t.Errorf("%s is not read back (%v, %v)", text, ok, err)
		}
	})
}

func chosen(a, b, c, d string) Entry {
	e := full(1)
	e.Sequence, e.Actor.Name, e.ObjectID, e.Details = 1, a, b, map[string]string{c: d}
	return e.clip()
}
