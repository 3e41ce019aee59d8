package main

import (
	"strings"
	"testing"
	"time"
)

// What a client sends and what an identity provider says must not steer the
// terminal of who reads about it.
func TestExplanationsShowNoControlCharacters(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[2J\u009b1m\nrequest forged\u202e"
	x := &explained{
		Request:  recordedRequest{ID: evil, Route: evil, Method: evil, Host: evil, Path: evil, IP: evil, Person: evil, Time: time.Unix(0, 0)},
		Outcome:  evil,
		AllowWhy: []string{evil}, DenyWhy: []string{evil}, Remarks: []string{evil},
	}
	var b strings.Builder
	if err := x.text(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.ContainsAny(got, "\x1b\u009b\u202e") || strings.Contains(got, "\nrequest forged") {
		t.Errorf("shown as they came:\n%q", got)
	}
}
