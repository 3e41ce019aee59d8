package xds

import (
	"slices"
	"testing"
)

// changed names the resources whose versions differ, sorted.
func changed(before, after *Snapshot) []string {
	versions := make(map[string]string)
	for typeURL, list := range before.Resources() {
		for _, r := range list {
			versions[typeURL+r.Name] = r.Version
		}
	}
	var names []string
	for typeURL, list := range after.Resources() {
		for _, r := range list {
			if versions[typeURL+r.Name] != r.Version {
				names = append(names, r.Name)
			}
			delete(versions, typeURL+r.Name)
		}
	}
	for gone := range versions {
		names = append(names, "-"+gone[len(gone)-min(len(gone), 40):])
	}
	slices.Sort(names)
	return names
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	t.Parallel()
	c := load(t, base+`
set_response_headers: {A: 1, B: 2, C: 3, D: 4, E: 5}
jwt_claims_headers: {X-A: a, X-B: b, X-C: c, X-D: d}
access_log_fields: [query, client-certificate, headers.X-A]
routes:
- {from: https://a.example.com, to: ["http://127.0.0.1:1,1", "http://127.0.0.1:2,2"], set_request_headers: {A: 1, B: 2, C: 3}, allow_any_authenticated_user: true}
- {from: "https://*.example.com", to: "https://127.0.0.1:1", allow_websockets: true, allow_spdy: true, allow_any_authenticated_user: true}
`)
	in := inputOf(c, newAuthority(t).issue(t, "*.example.com"))
	in.ErrorPages = testPages
	first, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := changed(first, again); len(got) > 0 {
			t.Fatalf("the same input changed %v", got)
		}
	}
}
