package policy

// criterionCORSPreflight is true of the request a browser sends, without
// credentials, to ask whether it may send another (Fetch, "CORS-preflight
// request").
var criterionCORSPreflight = &kind{
	name:    "cors_preflight",
	summary: "True of a CORS preflight request.",
	form:    anythingForm,
	reads:   Reads{Method: true, Headers: []string{"Access-Control-Request-Method", "Origin"}},
	parse:   parseAnything,
	clauses: func(criterion, *literals, bool) []clause {
		return []clause{
			{true, "cors-request", []string{
				`input.http.method == "OPTIONS"`,
				`input.http.headers["Access-Control-Request-Method"] != ""`,
				`input.http.headers.Origin != ""`,
			}},
			{false, "non-cors-request", nil},
		}
	},
	fold: foldAnything,
}
