package policy

// criterionInvalidClientCertificate is true where the client certificate is
// missing or not valid. It is written the other way round, so that a fact that
// is not there counts as no certificate.
var criterionInvalidClientCertificate = &kind{
	name:    "invalid_client_certificate",
	summary: "True where the client certificate is missing or not valid.",
	form:    anythingForm,
	reads:   Reads{Certificate: true},
	parse:   parseAnything,
	clauses: func(criterion, *literals, bool) []clause {
		return []clause{
			{false, "valid-client-certificate", []string{"input.is_valid_client_certificate"}},
			{true, "invalid-client-certificate", []string{"input.http.client_certificate.presented"}},
			{true, "client-certificate-required", nil},
		}
	},
	fold: foldAnything,
}
