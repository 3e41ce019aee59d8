package proxy

import (
	"net/http"
	"strings"
)

// wellKnown says where the things are that upstreams and clients look for.
func (s *Server) wellKnown(v visit) {
	here := "https://" + v.r.Host
	v.w.Header().Set("Access-Control-Allow-Origin", "*")
	v.json(http.StatusOK, map[string]string{
		"issuer":                           here + "/",
		"authentication_callback_endpoint": v.base().String() + "/oauth2/callback",
		"jwks_uri":                         here + "/.well-known/pomerium/jwks.json",
		"frontchannel_logout_uri":          here + "/.pomerium/sign_out",
	})
}

// keys publishes the keys of assertions. They hold for a minute, so that an
// upstream learns of a new key before it is used for long.
func (s *Server) keys(v visit) {
	body, etag := v.Minter.JWKS()
	h := v.w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "max-age=60")
	h.Set("ETag", etag)
	if match := v.r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, etag) {
		v.w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = v.w.Write(body) // the client may be gone
}
