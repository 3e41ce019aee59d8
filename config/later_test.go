package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestEveryKeyToComeIsRefused: by name and line, and taken when it is off.
func TestEveryKeyToComeIsRefused(t *testing.T) {
	t.Parallel()
	const route = "routes:\n- from: https://a.localhost\n  to: http://b\n  allowed_users: [a]\n"
	type entry struct{ before, key, name string }
	var keys []entry
	for _, key := range all(laterSettings) {
		keys = append(keys, entry{"cookie_name: a\n", key, key})
	}
	for _, key := range all(laterRoute) {
		keys = append(keys, entry{route + "  ", key, "routes[0]." + key})
	}
	for _, e := range keys {
		line := 1 + strings.Count(e.before, "\n")
		for _, value := range []string{"true", "x", "[a]", "{a: b}", "1"} {
			_, err := loadText(t, "config.yaml", e.before+e.key+": "+value)
			if want := fmt.Sprintf("config.yaml:%d: %s: not supported yet", line, e.name); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %s: %v, want %s", e.key, value, err, want)
			}
		}
		for _, value := range []string{"false", "''", "[]", "{}", "", "0"} {
			if _, err := loadText(t, "config.yaml", e.before+e.key+": "+value); err != nil {
				t.Errorf("%s: %s asks for nothing: %v", e.key, value, err)
			}
		}
	}
}

func TestEveryRemovedKeyIsRefused(t *testing.T) {
	t.Parallel()
	for _, key := range all(removedSettings) {
		_, err := loadText(t, "config.yaml", "\n"+key+": 1")
		if want := ":2: " + key + ": removed from the configuration; want "; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", key, err, want)
		}
	}
	for _, key := range all(removedRoute) {
		_, err := loadText(t, "config.yaml", "routes:\n- {from: 'https://a.localhost', to: 'http://b', "+key+": a}")
		if want := ":2: routes[0]." + key + ": removed from the configuration; want "; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", key, err, want)
		}
	}
}
