package lua

import (
	"strings"
	"testing"
)

// What the scripts do is tested where an Envoy runs them: envoy/xds.

func TestCleaningScriptsNameTheCookie(t *testing.T) {
	t.Parallel()
	for _, script := range []func(string) (string, error){CleanUpstream, CleanResponse} {
		got, err := script("_pomerium")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got, placeholder) || strings.Count(got, `local NAME = "_pomerium"`) != 1 {
			t.Errorf("the name is not in its place:\n%s", got)
		}
	}
}

func TestCleaningScriptsRefuseWhatIsNoName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", `a"b`, `a\`, "a b", "a;b", "a=b", "a\nb", "ä", "a\x00", `x" os.exit() "`, "a(b)", "a/b", "a,b"} {
		if got, err := CleanUpstream(name); err == nil || got != "" {
			t.Errorf("%q was taken", name)
		}
		if got, err := CleanResponse(name); err == nil || got != "" {
			t.Errorf("%q was taken for responses", name)
		}
	}
}

func TestScriptsSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{"clean-upstream": cleanUpstream, "clean-response": cleanResponse, "client-certificate": clientCertificate, "rewrite-headers": rewriteHeaders} {
		if !strings.HasPrefix(source, "-- ") || !strings.Contains(source, "function envoy_on_re") {
			t.Errorf("%s.lua does not open with a comment, or has no entry", name)
		}
	}
}
