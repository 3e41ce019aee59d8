package policy

import "testing"

func TestSecretHeader(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Cookie": true, "cookie": true, "AUTHORIZATION": true, "Proxy-Authorization": true, "set-cookie": true,
		"x-pomerium-authorization": true, "X-Pomerium-Jwt-Assertion": true, "x-pomerium-jwt-assertion-for": true,
		"": false, "x-request-id": false, "www-authenticate": false, "x-pomerium": false, "x-cookie": false,
	} {
		if got := SecretHeader(name); got != want {
			t.Errorf("SecretHeader(%q) = %t, want %t", name, got, want)
		}
	}
}
