package xds

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// base is a configuration without routes; tests add their own.
const base = `
address: 127.0.0.1:8443
authenticate_service_url: https://login.example.com
shared_secret: c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=
idp_provider: oidc
idp_provider_url: https://idp.example.com
idp_client_id: client
idp_client_secret: secret
`

func TestEnvoyServesARoute(t *testing.T) {
	t.Parallel()
	app := upstream(t, "app")
	c := load(t, base+`
routes:
- from: https://app.example.com
  to: http://`+app+`
  allow_any_authenticated_user: true
`)
	h := open(t, inputOf(c, newAuthority(t).issue(t, "*.example.com")))
	for _, h2 := range []bool{false, true} {
		got := h.get(t, h2, "GET", "https://app.example.com/a?b=c", http.Header{})
		if got.status != 200 || got.header.Get("X-Served-By") != "app" || !strings.HasPrefix(got.body, "GET /a?b=c HTTP/1.1") {
			t.Errorf("h2=%v: got %d %v %q", h2, got.status, got.header, got.body)
		}
		asked := h.questions()
		if len(asked) != 1 {
			t.Fatalf("h2=%v: authorize was asked %d times", h2, len(asked))
		}
		want := map[string]string{"route_id": c.Routes[0].ID, "policy": "digest"}
		if diff := cmp.Diff(want, asked[0].Attributes.ContextExtensions); diff != "" {
			t.Errorf("context extensions (-want +got):\n%s", diff)
		}
	}
}
