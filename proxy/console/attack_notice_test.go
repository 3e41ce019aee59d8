package console

import (
	"net/http"
	"strings"
	"testing"
)

// What was done is said to who did it, and not to who follows a link of
// somebody else's, who might leave it at that.
func TestNoticesAreNotForOtherSitesToGive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.signIn("admin", nil)
	for site, told := range map[string]bool{"same-origin": true, "": true, "cross-site": false, "same-site": false} {
		r := w.request(session, http.MethodGet, "/sessions?done=revoked-all", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		if body := w.serve(r).Body.String(); strings.Contains(body, say("done.revoked-all")) != told {
			t.Errorf("from %q: told: %v", site, !told)
		}
	}
}
