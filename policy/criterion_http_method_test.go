package policy

import "testing"

func TestHTTPMethod(t *testing.T) {
	t.Parallel()
	lower := Facts{Request: get()}
	lower.Request.Method = "get"
	none := Facts{Request: get()}
	none.Request.Method = ""
	runCriterion(t, []criterionCase{
		{"the method", "http_method: GET", Facts{Request: get()}, true, reasons(methodOK)},
		{"another method", "http_method: POST", Facts{Request: get()}, false, reasons(methodNo)},
		{"one of several", "http_method: {in: [HEAD, GET]}", Facts{Request: get()}, true, reasons(methodOK)},
		{"a method in lower case is another one", "http_method: GET", lower, false, reasons(methodNo)},
		{"no method is no other method", "http_method: {not: POST}", none, false, reasons(methodNo)},
		{"a person is not asked for", "http_method: GET", signedIn(ada()), true, reasons(methodOK)},
	})
	runBad(t, []badCase{
		{"a method that no request has", "deny: {or: [{http_method: post}]}", "1:27: policy.deny.or[0].http_method: want POST (methods are case-sensitive)"},
		{"one in a list", "deny: {or: [{http_method: {in: [GET, Put]}}]}", "1:32: policy.deny.or[0].http_method.in: want PUT (methods are case-sensitive)"},
	})
}
