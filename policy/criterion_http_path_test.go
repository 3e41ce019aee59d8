package policy

import "testing"

func TestHTTPPath(t *testing.T) {
	t.Parallel()
	at := func(path, query string) Facts {
		r := get()
		r.Path, r.RawPath, r.RawQuery = path, path, query
		return Facts{Request: r}
	}
	runCriterion(t, []criterionCase{
		{"the path", "http_path: /admin", at("/admin", ""), true, reasons(pathOK)},
		{"the query is no path", "http_path: {ends_with: /admin}", at("/public", "next=/admin"), false, reasons(pathNo)},
		{"nor does it belong to it", "http_path: /admin", at("/admin", "x=1"), true, reasons(pathOK)},
		{"a longer path", "http_path: /admin", at("/admin/", ""), false, reasons(pathNo)},
		{"a prefix", "http_path: {starts_with: /admin}", at("/administrator", ""), true, reasons(pathOK)},
		{"a prefix that ends a segment", "http_path: {starts_with: /admin/}", at("/administrator", ""), false, reasons(pathNo)},
		{"case matters", "http_path: /admin", at("/Admin", ""), false, reasons(pathNo)},
		{"a path of several tests", "http_path: {starts_with: /a, ends_with: c, contains: b}", at("/a/b/c", ""), true, reasons(pathOK)},
		{"one of which fails", "http_path: {starts_with: /a, ends_with: c, contains: x}", at("/a/b/c", ""), false, reasons(pathNo)},
		{"bytes that are no text", "http_path: {starts_with: /admin}", at("/admin/\xff\x00", ""), true, reasons(pathOK)},
		{"no path is no other path", "http_path: {not: /admin}", at("", ""), false, reasons(pathNo)},
	})
	runBad(t, []badCase{
		{"a path without its slash", "deny: {or: [{http_path: admin}]}", "1:25: policy.deny.or[0].http_path: want a path that begins with /"},
		{"a prefix without it", "deny: {or: [{http_path: {starts_with: admin}}]}", "1:39: policy.deny.or[0].http_path.starts_with: want a path that begins with /"},
	})
}
