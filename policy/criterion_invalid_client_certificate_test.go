package policy

import "testing"

func TestInvalidClientCertificate(t *testing.T) {
	t.Parallel()
	with := func(c ClientCertificate) Facts {
		r := get()
		r.ClientCertificate = c
		return Facts{Request: r}
	}
	runCriterion(t, []criterionCase{
		{"none", "invalid_client_certificate: true", with(ClientCertificate{}), true, reasons("client-certificate-required")},
		{"one that is not valid", "invalid_client_certificate: true", with(ClientCertificate{Presented: true}), true, reasons("invalid-client-certificate")},
		{"one that is valid", "invalid_client_certificate: true", with(ClientCertificate{Presented: true, Valid: true}), false, reasons("valid-client-certificate")},
		{"none where none is asked for", "invalid_client_certificate: true", with(ClientCertificate{Valid: true}), false, reasons("valid-client-certificate")},
	})
}
