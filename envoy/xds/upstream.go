package xds

import (
	"bytes"
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/cardea-proxy/cardea/config"
)

// upstreamParams is what we agree to speak with upstreams: older ones than
// clients are, so the list is longer.
func upstreamParams() *tlsv3.TlsParameters {
	return &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2,
		TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
		CipherSuites: []string{
			"ECDHE-ECDSA-AES256-GCM-SHA384",
			"ECDHE-RSA-AES256-GCM-SHA384",
			"ECDHE-ECDSA-AES128-GCM-SHA256",
			"ECDHE-RSA-AES128-GCM-SHA256",
			"ECDHE-ECDSA-CHACHA20-POLY1305",
			"ECDHE-RSA-CHACHA20-POLY1305",
			"ECDHE-ECDSA-AES128-SHA",
			"ECDHE-RSA-AES128-SHA",
			"AES128-GCM-SHA256",
			"AES128-SHA",
			"ECDHE-ECDSA-AES256-SHA",
			"ECDHE-RSA-AES256-SHA",
			"AES256-GCM-SHA384",
			"AES256-SHA",
		},
		EcdhCurves: []string{"X25519", "P-256", "P-384", "P-521"},
	}
}

// upstreamTLS is TLS with one destination; nil for plain text.
func (b *builder) upstreamTLS(r *config.Route, to config.Upstream) *corev3.TransportSocket {
	if !to.TLS() {
		return nil
	}
	name := upstreamName(r, to)
	if name == "" && !r.TLSSkipVerify {
		b.fail("route %s: a socket with TLS needs tls_upstream_server_name", r.From)
	}
	tls := &tlsv3.UpstreamTlsContext{
		CommonTlsContext:   &tlsv3.CommonTlsContext{TlsParams: upstreamParams()},
		AllowRenegotiation: r.TLSUpstreamAllowRenegotiation,
	}
	if _, err := netip.ParseAddr(name); err != nil {
		tls.Sni = name // never an address (RFC 6066, section 3)
	}
	if len(r.Upgrades(b.c)) > 0 || r.IsTCP() {
		// The cluster is HTTP/1.1 alone, so the handshake says so.
		tls.CommonTlsContext.AlpnProtocols = []string{"http/1.1"}
	}
	if c := r.UpstreamClientCert; c != nil {
		secret := "upstream-certificate-" + r.ID
		b.certificateSecret(secret, c)
		tls.CommonTlsContext.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{secretConfig(secret)}
	}
	if r.TLSSkipVerify {
		tls.CommonTlsContext.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{
			ValidationContext: &tlsv3.CertificateValidationContext{
				TrustChainVerification: tlsv3.CertificateValidationContext_ACCEPT_UNTRUSTED,
			},
		}
	} else {
		tls.CommonTlsContext.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext: &tlsv3.CertificateValidationContext{
					MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{sanMatcher(name)},
				},
				ValidationContextSdsSecretConfig: secretConfig(b.trust(r)),
			},
		}
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(tls)},
	}
}

// upstreamName is the name that is sent to an upstream and looked for on its
// certificate.
func upstreamName(r *config.Route, to config.Upstream) string {
	switch {
	case r.TLSUpstreamServerName != "":
		return r.TLSUpstreamServerName
	case r.TLSServerName != "":
		return r.TLSServerName
	}
	if _, port := to.Address(); port == "" {
		return ""
	}
	return to.URL.Hostname()
}

// sanMatcher demands name on a certificate. For a DNS name Envoy honours a
// wildcard there, within one label.
func sanMatcher(name string) *tlsv3.SubjectAltNameMatcher {
	m := &tlsv3.SubjectAltNameMatcher{
		SanType: tlsv3.SubjectAltNameMatcher_DNS,
		Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
	}
	if _, err := netip.ParseAddr(name); err == nil {
		m.SanType = tlsv3.SubjectAltNameMatcher_IP_ADDRESS
	}
	return m
}

// trust names what a route's upstreams are verified against: its own
// authorities instead of all others, else the configured ones beside the
// system's, else the system's.
func (b *builder) trust(r *config.Route) string {
	switch {
	case len(r.UpstreamCA) > 0:
		return b.trustSecret(inline(r.UpstreamCA), digest(r.UpstreamCA))
	case len(b.c.UpstreamCA) > 0:
		return b.trustSecret(inline(bytes.Join([][]byte{b.c.UpstreamCA, b.SystemTrust}, []byte("\n"))), "configured")
	case b.SystemCA == "":
		b.fail("route %s: the system's trusted certificates are not found", r.From)
	}
	return b.trustSecret(&corev3.DataSource{
		Specifier: &corev3.DataSource_Filename{Filename: b.SystemCA},
	}, "system")
}
