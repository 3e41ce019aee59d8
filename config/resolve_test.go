package config

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestBounds: small documents that stand for large ones are refused, and
// reading them costs no more than they are long.
func TestBounds(t *testing.T) {
	t.Parallel()
	var merges strings.Builder
	merges.WriteString("idp_request_params: &a\n")
	for i := range 2000 {
		fmt.Fprintf(&merges, "  k%d: v\n", i)
	}
	merges.WriteString("routes:\n")
	merges.WriteString(strings.Repeat("- {<<: *a}\n", 3000))

	chain := "allow_upgrades: &a0 [x]\n"
	for i := range 120 {
		chain += fmt.Sprintf("a%d: &a%d [*a%d]\n", i+1, i+1, i)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"many merges of a large object", merges.String(), "want at most 4000000"},
		{"a chain of aliases is as deep as it leads", chain, "want at most 100 levels"},
		{"anchors that hold each other", "a: &a {b: &b {c: *a}}", "anchor that holds itself"},
		{"a document that is too large", "# " + strings.Repeat("x", maxBytes), "larger than 16 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := loadText(t, "config.yaml", tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %.300v, want %s", err, tc.want)
			}
		})
	}
}

func TestMerges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"an own key wins, wherever it stands", "base: &a {x: 1, y: 2}\nv: {<<: *a, x: 3}", "{x: 3, y: 2}"},
		{"the first of several wins", "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nv: {<<: [*a, *b]}", "{x: 1, y: 2}"},
		{"a merge within a merge", "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nv: {<<: *b, z: 3}", "{z: 3, y: 2, x: 1}"},
		{"quoted, it is a key", "v: {'<<': 1}", "{'<<': 1}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root, err := parseYAML([]byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			root, _ = newResolver(func(_ int, key, found, want string) { t.Errorf("%s: %s %s", key, found, want) }).resolve(root, "", 0)
			got, err := yaml.Marshal(root.Content[len(root.Content)-1])
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.TrimSpace(string(got)); s != tc.want {
				t.Errorf("%s, want %s", s, tc.want)
			}
		})
	}
}

// TestAnotherWordForAKey: what means the same is found among all settings, and
// what means something else is not.
func TestAnotherWordForAKey(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"policy_folder": "policy_dir", "policies-directory": "policy_dir", "folder_policy": "policy_dir",
		"state_directory": "data_dir", "idp_provider_endpoint": "idp_provider_url", "metrics_endpoint": "metrics_address",
		"log_verbosity": "log_level", "rules": "policies", "people": "users", "authorize_service_addresses": "authorize_service_urls",
		"zzz": "", "___": "", "folder": "", "policy_of_folders": "", "secret": "",
	} {
		_, err := loadText(t, "c.yaml", given+": x\n")
		text := fmt.Sprint(err)
		if suggested := strings.Contains(text, "did you mean"); suggested != (want != "") || want != "" && !strings.Contains(text, given+`: unknown key (did you mean "`+want+`"?)`) {
			t.Errorf("%q: want %q:\n%s", given, want, text)
		}
	}
}

// TestMisspelled: near names are found, far ones are not.
func TestMisspelled(t *testing.T) {
	t.Parallel()
	known := []string{"cookie_name", "cookie_secret", "address", "to"}
	for given, want := range map[string]string{
		"cookiename": "cookie_name", "COOKIE_NAEM": "cookie_name", "adress": "address", "ot": "to", "zz": "", "frobnicate": "",
		strings.Repeat("x", 1000): "",
	} {
		if want != "" {
			want = ` (did you mean "` + want + `"?)`
		}
		if got := didYouMean(given, known); got != want {
			t.Errorf("%.20q: %q, want %q", given, got, want)
		}
	}
}
