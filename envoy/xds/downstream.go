package xds

import (
	"bytes"
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cardea-proxy/cardea/config"
)

// mainSuites are those of TLS 1.2 on the main listener, in our order of
// preference.
var mainSuites = []string{
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-CHACHA20-POLY1305",
}

// consoleSuites are those of the console's own listener. The three at the end
// are for clients that know nothing better, and are what the format that we
// read promises for a console; applications never meet them.
var consoleSuites = []string{
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-CHACHA20-POLY1305",
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-AES128-SHA",
	"ECDHE-ECDSA-AES256-SHA",
	"ECDHE-RSA-AES256-SHA",
}

// downstreamParams is what we agree to speak with clients: TLS 1.2 with these
// suites in our order of preference, or TLS 1.3.
func downstreamParams(suites []string) *tlsv3.TlsParameters {
	return &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2,
		TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
		CipherSuites:              suites,
		EcdhCurves:                []string{"X25519", "P-256"},
	}
}

// downstreamTLS is TLS with clients. The certificates come over SDS, so that a
// renewed one changes no listener; Envoy chooses among them by server name, the
// first that fits, else the first. Early data is not offered: it could be
// replayed (RFC 8446, section 8).
func (b *builder) downstreamTLS(suites []string) *corev3.TransportSocket {
	common := &tlsv3.CommonTlsContext{TlsParams: downstreamParams(suites), AlpnProtocols: b.alpn()}
	for i, certificate := range b.Certificates {
		name := fmt.Sprintf("certificate-%d", i)
		b.certificateSecret(name, certificate)
		common.TlsCertificateSdsSecretConfigs = append(common.TlsCertificateSdsSecretConfigs, secretConfig(name))
	}
	tls := &tlsv3.DownstreamTlsContext{CommonTlsContext: common}
	if b.asksClientCertificate() {
		b.clientCertificates(tls)
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: b.any(tls)},
	}
}

func (b *builder) alpn() []string {
	switch b.c.CodecType {
	case config.CodecHTTP1:
		return []string{"http/1.1"}
	case config.CodecHTTP2:
		return []string{"h2"}
	}
	return []string{"h2", "http/1.1"}
}

// asksClientCertificate reports whether some route wants to know the client's
// certificate. A listener asks everybody or nobody, and so do all of them.
func (b *builder) asksClientCertificate() bool {
	return !b.c.InsecureServer && len(b.clientCAs()) > 0
}

// clientCAs joins the authorities of the configuration and of its routes. Which
// of them counts on which route is judged by authorize.
func (b *builder) clientCAs() []byte {
	all := bytes.Clone(b.c.ClientCA)
	for _, r := range b.c.Routes {
		if len(r.DownstreamClientCA) > 0 && !bytes.Contains(all, r.DownstreamClientCA) {
			if len(all) > 0 && all[len(all)-1] != '\n' {
				all = append(all, '\n')
			}
			all = append(all, r.DownstreamClientCA...)
		}
	}
	return all
}

// clientCertificates asks clients for a certificate. With reject_connection a
// missing or bad one ends the handshake. Otherwise any is taken here, so that
// authorize can judge it and tell the person why.
//
// No session is resumed: a certificate revoked since would come back to life
// with it, and Envoy's own verdict would be lost.
func (b *builder) clientCertificates(tls *tlsv3.DownstreamTlsContext) {
	tls.SessionTicketKeysType = &tlsv3.DownstreamTlsContext_DisableStatelessSessionResumption{
		DisableStatelessSessionResumption: true,
	}
	tls.DisableStatefulSessionResumption = true

	context := &tlsv3.CertificateValidationContext{
		TrustedCa:              inline(b.clientCAs()),
		TrustChainVerification: tlsv3.CertificateValidationContext_ACCEPT_UNTRUSTED,
	}
	mtls := b.c.DownstreamMTLS
	if mtls.Enforcement == config.MTLSRejectConnection {
		tls.RequireClientCertificate = wrapperspb.Bool(true)
		context.TrustChainVerification = tlsv3.CertificateValidationContext_VERIFY_TRUST_CHAIN
		context.MatchTypedSubjectAltNames = sanMatchers(mtls.MatchSubjectAltNames)
		context.MaxVerifyDepth = verifyDepth(mtls.MaxVerifyDepth)
		if len(b.c.ClientCRL) > 0 {
			context.Crl = inline(b.c.ClientCRL)
			context.OnlyVerifyLeafCertCrl = true
		}
	}
	tls.CommonTlsContext.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: context}
}

// verifyDepth counts authorities from the leaf's issuer up to the root, as
// Envoy does. Nil means 1: the leaf is signed by the root itself. 0 means no
// limit.
func verifyDepth(depth *uint32) *wrapperspb.UInt32Value {
	switch {
	case depth == nil:
		return wrapperspb.UInt32(1)
	case *depth == 0:
		return nil
	}
	return wrapperspb.UInt32(*depth)
}

// upnOID names a Microsoft user principal name among the otherName forms of a
// subject alternative name.
const upnOID = "1.3.6.1.4.1.311.20.2.3"

// sanMatchers demand that one of the client's alternative names fits. The
// patterns are anchored, and Envoy matches whole values anyway.
func sanMatchers(list []config.SANMatcher) []*tlsv3.SubjectAltNameMatcher {
	var matchers []*tlsv3.SubjectAltNameMatcher
	for _, m := range list {
		matcher := &tlsv3.SubjectAltNameMatcher{Matcher: regexString(m.Pattern.String())}
		switch m.Kind {
		case "dns":
			matcher.SanType = tlsv3.SubjectAltNameMatcher_DNS
		case "email":
			matcher.SanType = tlsv3.SubjectAltNameMatcher_EMAIL
		case "ip_address":
			matcher.SanType = tlsv3.SubjectAltNameMatcher_IP_ADDRESS
		case "uri":
			matcher.SanType = tlsv3.SubjectAltNameMatcher_URI
		case "user_principal_name":
			matcher.SanType, matcher.Oid = tlsv3.SubjectAltNameMatcher_OTHER_NAME, upnOID
		}
		matchers = append(matchers, matcher)
	}
	return matchers
}

// regexString matches a whole string against an RE2 expression.
func regexString(pattern string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{
		MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: regex(pattern)},
	}
}

func regex(pattern string) *matcherv3.RegexMatcher { return &matcherv3.RegexMatcher{Regex: pattern} }
