package device

import "testing"

// What a device is called stands beside those of others where an administrator
// approves them: it has to be seen, and on one line.
func TestNamesThatAreNotSeen(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"\u200d", "\u200c\u200d", "a\u2028b", "a\u2029b", "\u3164", "\u115f", "\u2800", "\u200d \u200d", "\ufe0f", "\u034f",
	} {
		if got, ok := cleanName(name); ok {
			t.Errorf("%+q is taken as %+q", name, got)
		}
	}
	for _, name := range []string{"Ada's key", "می\u200cخواهم", "👩\u200d💻", "❤\ufe0f", "一", "é", "e\u0301"} {
		if _, ok := cleanName(name); !ok {
			t.Errorf("%+q is refused", name)
		}
	}
}
