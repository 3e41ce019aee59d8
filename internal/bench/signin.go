package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// The one person of a run.
const (
	personEmail    = "bench@example.com"
	personPassword = "correct horse battery staple"
)

// signIn opens address as a person would, through the sign-in pages, and
// returns the Cookie header that this browser then sends to its host. jar
// remembers the person for the next address; nil is a new browser.
func (w *world) signIn(ctx context.Context, port int, jar http.CookieJar, address string) (cookie string, err error) {
	if jar == nil {
		if jar, err = cookiejar.New(nil); err != nil {
			return "", err
		}
	}
	client := w.client(port)
	defer client.CloseIdleConnections()
	client.Jar, client.CheckRedirect = jar, nil // follow
	resp, body, err := visit(ctx, client, http.MethodGet, address, nil, "")
	if err != nil {
		return "", err
	}
	if resp.Request.URL.String() != address {
		action, fields, err := readForm(resp.Request.URL, body)
		if err != nil {
			return "", fmt.Errorf("sign in: %s: %w", resp.Request.URL.Host, err)
		}
		fields.Set("email", personEmail)
		fields.Set("password", personPassword)
		origin := resp.Request.URL.Scheme + "://" + resp.Request.URL.Host
		if resp, body, err = visit(ctx, client, http.MethodPost, action.String(), fields, origin); err != nil {
			return "", err
		}
	}
	if resp.StatusCode != http.StatusOK || resp.Request.URL.String() != address {
		return "", fmt.Errorf("sign in: want to end at %s, ended at %s: %s: %.200s", address, resp.Request.URL, resp.Status, body)
	}
	var pairs []string
	for _, c := range jar.Cookies(resp.Request.URL) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; "), nil
}

func visit(ctx context.Context, client *http.Client, method, address string, form url.Values, origin string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", origin)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("sign in: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only reads were made
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, "", fmt.Errorf("sign in: %w", err)
	}
	return resp, string(body), nil
}

// readForm returns where the form with a password on page leads to, and the
// fields it is filled in with.
func readForm(base *url.URL, page string) (action *url.URL, fields url.Values, err error) {
	tokens := html.NewTokenizer(strings.NewReader(page))
	password := false
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return nil, nil, errors.New("no form with a password")
		}
		token := tokens.Token()
		attributes := make(map[string]string, len(token.Attr))
		for _, a := range token.Attr {
			attributes[a.Key] = a.Val
		}
		switch {
		case token.Data == "form" && kind == html.StartTagToken:
			if action, err = base.Parse(attributes["action"]); err != nil {
				return nil, nil, fmt.Errorf("read form: %w", err)
			}
			fields = url.Values{}
		case token.Data == "form" && kind == html.EndTagToken && password:
			return action, fields, nil
		case token.Data == "input" && fields != nil:
			password = password || attributes["type"] == "password"
			if name := attributes["name"]; name != "" {
				fields.Set(name, attributes["value"])
			}
		}
	}
}
