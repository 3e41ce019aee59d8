package policy

import "testing"

func TestCORSPreflight(t *testing.T) {
	t.Parallel()
	const ok, no = "cors-request", "non-cors-request"
	with := func(method string, m map[string]string) Facts {
		r := get()
		r.Method = method
		if m != nil {
			r.Header = headers(m)
		}
		return Facts{Request: r}
	}
	both := map[string]string{"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
	runCriterion(t, []criterionCase{
		{"a preflight", "cors_preflight: true", with("OPTIONS", both), true, reasons(ok)},
		{"another method", "cors_preflight: true", with("GET", both), false, reasons(no)},
		{"without the method to come", "cors_preflight: true", with("OPTIONS", map[string]string{"Origin": "https://a.example"}), false, reasons(no)},
		{"without an origin", "cors_preflight: true", with("OPTIONS", map[string]string{"Access-Control-Request-Method": "POST"}), false, reasons(no)},
		{"with an empty origin", "cors_preflight: true", with("OPTIONS", map[string]string{"Origin": "", "Access-Control-Request-Method": "POST"}), false, reasons(no)},
		{"without headers", "cors_preflight: true", with("OPTIONS", nil), false, reasons(no)},
	})
}
