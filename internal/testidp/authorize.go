package testidp

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// codeLifetime is how long a code is good.
const codeLifetime = time.Minute

// A grant is what a person agreed to.
type grant struct {
	user     User
	nonce    string
	scopes   []string
	authTime time.Time
}

// A code stands for a grant until it is exchanged.
type code struct {
	grant
	redirectURI string
	challenge   string
	expires     time.Time
	used        bool
	family      *family // what it was exchanged for
}

// authorize takes the client's question (OpenID Connect Core, section 3.1.2).
func (i *IDP) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.Form
	switch {
	case q.Get("client_id") != i.o.ClientID:
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	case q.Get("redirect_uri") == "" || i.o.RedirectURIs != nil && !slices.Contains(i.o.RedirectURIs, q.Get("redirect_uri")):
		http.Error(w, "unknown redirect_uri", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code" || !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		i.reply(w, r, url.Values{"error": {"invalid_request"}})
		return
	case q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		i.reply(w, r, url.Values{"error": {"invalid_request"}, "error_description": {"want S256"}})
		return
	case i.lying(AccessDenied):
		i.reply(w, r, url.Values{"error": {"access_denied"}, "error_description": {"<b>The person said no.</b>"}})
		return
	case i.lying(ServerError):
		i.reply(w, r, url.Values{"error": {"server_error"}})
		return
	case i.lying(LoginRequired):
		i.reply(w, r, url.Values{"error": {"login_required"}})
		return
	}
	if i.o.Form && !(r.Method == http.MethodPost && r.PostForm.Get("go") == "yes") {
		draw(w, clickPage, q)
		return
	}
	i.reply(w, r, url.Values{"code": {i.newCode(q)}})
}

func (i *IDP) newCode(q url.Values) string {
	text, now := rand.Text(), i.now()
	i.locked(func() {
		i.codes[text] = &code{
			grant:       grant{user: i.user, nonce: q.Get("nonce"), scopes: strings.Fields(q.Get("scope")), authTime: now},
			redirectURI: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), expires: now.Add(codeLifetime),
		}
	})
	return text
}

// reply sends the browser back, by the query or by a form.
func (i *IDP) reply(w http.ResponseWriter, r *http.Request, params url.Values) {
	to := r.Form.Get("redirect_uri")
	params.Set("state", r.Form.Get("state"))
	if i.lying(WrongState) {
		params.Set("state", rand.Text())
	}
	switch {
	case i.lying(WrongIss):
		params.Set("iss", "https://evil.example")
	case !i.lying(NoIss) && !i.lying(IssUnannounced):
		params.Set("iss", i.issuer)
	}
	if r.Form.Get("response_mode") == "form_post" {
		params.Set("\x00to", to)
		draw(w, postPage, params)
		return
	}
	u, err := url.Parse(to)
	if err != nil {
		http.Error(w, "broken redirect_uri", http.StatusBadRequest)
		return
	}
	query := u.Query()
	for name, values := range params {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	http.Redirect(w, r, u.String(), http.StatusFound)
}

var (
	clickPage = template.Must(template.New("click").Parse(`<!doctype html><html lang="en"><title>Test provider</title><h1>Test provider</h1>
<form method="post">{{range $name, $values := .}}<input type="hidden" name="{{$name}}" value="{{index $values 0}}">{{end}}
<button name="go" value="yes">Sign in</button></form></html>
`))
	postPage = template.Must(template.New("post").Parse(`<!doctype html><html lang="en"><title>Test provider</title>
<form method="post" action="{{index . "\x00to" 0}}">{{range $name, $values := .}}{{if ne $name "\x00to"}}<input type="hidden" name="{{$name}}" value="{{index $values 0}}">{{end}}{{end}}
<button>Go on</button></form><script>document.forms[0].submit()</script></html>
`))
)

func draw(w http.ResponseWriter, page *template.Template, v url.Values) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, map[string][]string(v)) // the browser has gone: nothing to do about it
}
