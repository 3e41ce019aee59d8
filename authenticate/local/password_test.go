package local

import (
	"errors"
	"strings"
	"testing"
)

// cheap is a hash at the lower bound, for tests that do not measure cost.
// The password is "correct horse".
func cheap(t testing.TB, password string) string {
	t.Helper()
	h := hash{memory: minMemory, time: 1, threads: 1, salt: []byte("0123456789abcdef")}
	h.key = h.derive(password, hashKey)
	return h.String()
}

func TestAHashOpensToItsPasswordAlone(t *testing.T) {
	t.Parallel()
	text, err := Hash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name     string
		password string
		want     bool
	}{
		{"the password itself", "correct horse", true},
		{"another case", "Correct horse", false},
		{"a longer one", "correct horse ", false},
		{"a shorter one", "correct hors", false},
		{"none", "", false},
		{"a megabyte", strings.Repeat("x", 1<<20), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Verify(text, tc.password)
			if err != nil || got != tc.want {
				t.Errorf("Verify(%q) = %v, %v, want %v", tc.password, got, err, tc.want)
			}
		})
	}
}

func TestTwoHashesOfOnePasswordDiffer(t *testing.T) {
	t.Parallel()
	a, _ := Hash("same")
	b, _ := Hash("same")
	if a == b {
		t.Error("two hashes of one password are equal: the salt is not fresh")
	}
}

func TestAPasswordMayBeSpelledInTwoUnicodeForms(t *testing.T) {
	t.Parallel()
	ok, err := Verify(cheap(t, "pass\u00e9"), "passe\u0301")
	if err != nil || !ok {
		t.Errorf("Verify of the decomposed form = %v, %v, want true", ok, err)
	}
}

func TestHashRefusesWhatItCannotProtect(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := Hash(password); !errors.Is(err, ErrPassword) {
			t.Errorf("Hash of %d bytes: %v, want ErrPassword", len(password), err)
		}
	}
}

func TestAHostileHashIsRefusedBeforeItCostsAnything(t *testing.T) {
	t.Parallel()
	const salt, key = "$MDEyMzQ1Njc4OWFiY2RlZg", "$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	for _, tc := range []struct{ name, text string }{
		{"nothing", ""},
		{"a plain word", "hunter2"},
		{"bcrypt", "$2y$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuuabcdefghijkl"},
		{"argon2i", "$argon2i$v=19$m=65536,t=2,p=1" + salt + key},
		{"an old version", "$argon2id$v=16$m=65536,t=2,p=1" + salt + key},
		{"four gibibytes", "$argon2id$v=19$m=4194304,t=2,p=1" + salt + key},
		{"memory that overflows", "$argon2id$v=19$m=18446744073709551616,t=2,p=1" + salt + key},
		{"a weak memory", "$argon2id$v=19$m=1024,t=2,p=1" + salt + key},
		{"a thousand passes", "$argon2id$v=19$m=65536,t=1000,p=1" + salt + key},
		{"much memory in many passes", "$argon2id$v=19$m=262144,t=16,p=1" + salt + key},
		{"no pass", "$argon2id$v=19$m=65536,t=0,p=1" + salt + key},
		{"many lanes", "$argon2id$v=19$m=65536,t=2,p=255" + salt + key},
		{"no lane", "$argon2id$v=19$m=65536,t=2,p=0" + salt + key},
		{"a leading zero", "$argon2id$v=19$m=065536,t=2,p=1" + salt + key},
		{"a sign", "$argon2id$v=19$m=+65536,t=2,p=1" + salt + key},
		{"another order", "$argon2id$v=19$t=2,m=65536,p=1" + salt + key},
		{"a fourth parameter", "$argon2id$v=19$m=65536,t=2,p=1,keyid=x" + salt + key},
		{"a short salt", "$argon2id$v=19$m=65536,t=2,p=1$MDEyMw" + key},
		{"a short key", "$argon2id$v=19$m=65536,t=2,p=1" + salt + "$MDEyMw"},
		{"padding", "$argon2id$v=19$m=65536,t=2,p=1" + salt + key + "="},
		{"a line break in base64", "$argon2id$v=19$m=65536,t=2,p=1" + salt + "\n" + key},
		{"a trailing field", "$argon2id$v=19$m=65536,t=2,p=1" + salt + key + "$"},
		{"a very long key", "$argon2id$v=19$m=65536,t=2,p=1" + salt + "$" + strings.Repeat("A", 10_000)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ok, err := Verify(tc.text, "x")
			if ok || !errors.Is(err, ErrHash) {
				t.Errorf("Verify = %v, %v, want ErrHash", ok, err)
			}
			if err != nil && len(tc.text) > 8 && strings.Contains(err.Error(), tc.text) {
				t.Error("the error shows the hash")
			}
		})
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
	f.Add("$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
	f.Add("$argon2id$$$$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err != nil {
			return
		}
		if h.String() != text {
			t.Errorf("%q prints back as %q", text, h.String())
		}
		if h.memory > maxMemory || uint64(h.memory)*uint64(h.time) > maxWork || h.threads == 0 {
			t.Errorf("%q asks for too much", text)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	text, _ := Hash("correct horse")
	for b.Loop() {
		if ok, _ := Verify(text, "correct horse"); !ok {
			b.Fatal("no match")
		}
	}
}
