package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-proxy/cardea/authorize"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/journal"
	"github.com/cardea-proxy/cardea/policy"
	"golang.org/x/sync/errgroup"
)

// maxSocketPath bounds the path of a unix socket, in bytes: sun_path of unix(7)
// with the NUL that ends it, on the system that allows the least.
const maxSocketPath = 103

// adminSocket is where a running instance answers its administrator: whoever may
// read its data folder. The folder of the socket is private, so that there is no
// moment at which somebody else could open it.
func adminSocket(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "admin", "socket") }

// serveAdmin opens the administrator's socket.
func (h *house) serveAdmin(ctx context.Context, g *errgroup.Group, cfg *config.Config) error {
	path := adminSocket(cfg)
	if len(path) > maxSocketPath {
		h.log.Warn().Str("path", path).Msg("no administrator's socket: its path is too long")
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the administrator's socket: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of the administrator's socket private: %w", err)
	}
	// What is there is of a run that was killed: this one holds the store's lock.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old administrator's socket: %w", err)
	}
	if err := serveHTTP(ctx, g, h.admin(), "unix", path); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("make the administrator's socket private: %w", err)
	}
	return nil
}

// admin answers an administrator.
func (h *house) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/explanations/{request}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		out, err := h.explainRecorded(ctx, r.PathValue("request"))
		answerJSON(w, out, err)
	})
	mux.HandleFunc("GET /v1/shadows", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, h.shadowCounts(), nil)
	})
	mux.HandleFunc("GET /v1/decisions", func(w http.ResponseWriter, r *http.Request) {
		since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
		if err != nil || h.journal == nil {
			answerJSON(w, nil, errNotRecorded)
			return
		}
		w.Header().Set("Content-Type", "application/jsonl")
		if err := journal.Export(w, h.journal.Read(r.Context(), since)); err != nil {
			h.log.Warn().Err(err).Msg("recorded decisions are not exported in full")
			panic(http.ErrAbortHandler) // else the reader takes what came for all there is
		}
	})
	mux.HandleFunc("GET /v1/audit", h.auditPage)
	mux.HandleFunc("GET /v1/audit/export", h.auditExport)
	return mux
}

var errNotRecorded = errors.New("decisions are not recorded: decision_log_max_age is 0")

func answerJSON(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, journal.ErrNotFound) || errors.Is(err, errNotRecorded) {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}

// noDecision says that nothing is recorded of a request. It is
// journal.ErrNotFound in the words of an administrator.
type noDecision string

func (id noDecision) Error() string {
	return fmt.Sprintf("no decision about request %q is recorded, or not any more", string(id))
}

func (noDecision) Unwrap() error { return journal.ErrNotFound }

// An explained is a recorded decision and why it was made.
type explained struct {
	Request  recordedRequest `json:"request"`
	Outcome  string          `json:"outcome"` // what was decided then
	Allow    bool            `json:"allow"`
	Deny     bool            `json:"deny"`
	AllowWhy []string        `json:"allow_why,omitempty"`
	DenyWhy  []string        `json:"deny_why,omitempty"`
	// Remarks say what has to be known to read the explanation.
	Remarks []string `json:"remarks,omitempty"`
	// Explanation is by the policy that is in force now.
	Explanation *policy.Explanation `json:"explanation,omitempty"`
}

// A recordedRequest is a request as an administrator reads it.
type recordedRequest struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Route  string    `json:"route"`
	Method string    `json:"method"`
	Host   string    `json:"host"`
	Path   string    `json:"path"`
	IP     string    `json:"ip,omitempty"`
	Person string    `json:"person,omitempty"`
	By     string    `json:"impersonated_by,omitempty"` // who acted as the person
}

// explainRecorded explains the recorded decision about a request by the policy
// in force.
func (h *house) explainRecorded(ctx context.Context, id string) (*explained, error) {
	if h.journal == nil {
		return nil, errNotRecorded
	}
	e, err := h.journal.Find(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, noDecision(id)
	}
	if err != nil {
		return nil, err
	}
	return h.explainEntry(ctx, &e)
}

// explainEntry explains one that was found.
func (h *house) explainEntry(ctx context.Context, e *journal.Entry) (_ *explained, err error) {
	s, scenarioErr := scenarioOf(e)
	out := &explained{
		Request: requestOf(e, s.Person), Outcome: e.Outcome,
		Allow: e.Allow, Deny: e.Deny, AllowWhy: e.AllowReasons, DenyWhy: e.DenyReasons,
	}
	remark := func(format string, args ...any) { out.Remarks = append(out.Remarks, fmt.Sprintf(format, args...)) }
	if scenarioErr != nil {
		remark("%v", scenarioErr)
		return out, nil
	}
	now := h.reloader.active.Load()
	if now == nil {
		return nil, errors.New("no configuration in force yet")
	}
	p := now.programs[e.RouteID]
	switch {
	case p == nil && e.RouteID == "":
		remark("no policy was asked: %s", e.Err)
		return out, nil
	case p == nil:
		remark("the route is not there any more")
		return out, nil
	case p.Digest() != e.PolicyDigest:
		remark("the policy of the route has changed since: this is what it says now")
	}
	if what := unknown(e, p.AllReads()); what != "" {
		remark("%s: rules that read it are shown as if it were absent", what)
	}
	if e.ImpersonatedBy != "" {
		remark("an administrator acted as this person: devices and grants were left out, and nobody was led to show one or to sign in")
	}
	if out.Explanation, err = p.Explain(ctx, s); err != nil {
		return nil, err
	}
	if p.Digest() == e.PolicyDigest && len(out.Remarks) == 0 && out.Explanation.Outcome != e.Outcome {
		remark("it was %s then, for reasons beside the policy", e.Outcome)
	}
	return out, nil
}

func requestOf(e *journal.Entry, p *policy.PersonData) recordedRequest {
	r := recordedRequest{ID: e.RequestID, Time: e.Time, Route: e.From, Method: e.Method, Host: e.Host, Path: e.RawPath, IP: e.IP, By: e.ImpersonatedBy}
	if p != nil {
		r.Person = p.Email
		if r.Person == "" {
			r.Person = p.UserID
		}
	}
	return r
}

// who says who asked, and who acted as them.
func (r recordedRequest) who() string {
	if r.By != "" {
		return r.Person + " (impersonated by " + r.By + ")"
	}
	return r.Person
}

// A shadowReport is what the shadow policies of the configuration in force have
// disagreed about since the start.
type shadowReport struct {
	Policies []string      `json:"policies"` // those that are shadow now
	Counts   []shadowCount `json:"counts"`
}

type shadowCount struct {
	authorize.ShadowCount
	From string `json:"from"`
}

func (h *house) shadowCounts() shadowReport {
	r := shadowReport{Policies: []string{}, Counts: []shadowCount{}}
	now := h.reloader.active.Load()
	if now != nil {
		for _, p := range now.config.Policies {
			if p.Shadow {
				r.Policies = append(r.Policies, p.Name)
			}
		}
	}
	for _, c := range h.authorize.ShadowCounts() {
		r.Counts = append(r.Counts, shadowCount{c, h.reloader.from(c.Route)})
	}
	return r
}

// An adminClient asks a running instance.
type adminClient struct{ http *http.Client }

func newAdminClient(socket string) adminClient {
	return adminClient{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// get opens the answer to an escaped path, which the caller closes.
func (c adminClient) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://cardea"+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var no *net.OpError
		if errors.As(err, &no) {
			return nil, fmt.Errorf("no instance answers on the administrator's socket: %w", no.Err)
		}
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	var problem struct{ Error string }
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&problem) == nil && problem.Error != "" {
		return nil, errors.New(problem.Error)
	}
	return nil, fmt.Errorf("the instance answers %s", resp.Status)
}

func (c adminClient) json(ctx context.Context, path string, into any) error {
	body, err := c.get(ctx, path, nil)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read from
	return json.NewDecoder(body).Decode(into)
}
