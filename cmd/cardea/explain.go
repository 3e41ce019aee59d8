package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/policy"
	"github.com/cardea-proxy/cardea/policy/fixture"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
)

// asked are the flags that describe a request and who makes it.
type asked struct {
	url, method                 string
	user, email                 string
	groups, claims, grants      []string
	headers                     []string
	ip, device, certificate, at string
	signedIn                    time.Duration
	request, socket             string
	json                        bool
	deviceApproved              bool
	deviceVerified              bool
	deviceShown                 time.Duration
	deviceID                    string
}

func explainCommand(env *viper.Viper, t terminal) *cobra.Command {
	var a asked
	cmd := &cobra.Command{
		Use:   "explain (--url URL | --request ID)",
		Short: "Say how a request is decided, and why",
		Long: "Says how a request is decided: every rule with its value and what it read, the\n" +
			"rule that decided, and the smallest change that would allow.\n\n" +
			"With --url, the request is the one that the other flags describe, decided by the\n" +
			"configuration of --config. Without --email and --user nobody is signed in. A person\n" +
			"under users has the groups of there, unless --groups says others.\n" +
			"With --request, it is one that a running instance has decided and recorded; the\n" +
			"id is on the page that a denied person sees, and in the log.",
		Example: "  cardea policy explain --config config.yaml --url https://reports.example.com/ --email ada@example.com --groups finance\n" +
			"  cardea policy explain --config config.yaml --request 5f0c2f0e-7f6a-4f4e-9f0e-2a4f4f4c6a1b",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (a.url == "") == (a.request == ""):
				return errors.New("explain: want --url or --request")
			case a.request != "":
				return explainRecorded(cmd.Context(), cmd, env, a, t)
			}
			return explainURL(cmd.Context(), cmd, env, a, t)
		},
	}
	f := cmd.Flags()
	f.StringVar(&a.url, "url", "", "address that is asked for")
	f.StringVar(&a.method, "method", "", "method of the request (default GET)")
	f.StringVar(&a.email, "email", "", "e-mail address of who is signed in")
	f.StringVar(&a.user, "user", "", "id that the identity provider gave the person (default: the e-mail address)")
	f.StringSliceVar(&a.groups, "groups", nil, "groups of the person, with commas (default: those under users, with idp_provider local)")
	f.StringArrayVar(&a.claims, "claim", nil, "claim of the person, name=value; again for more, also of one name")
	f.StringSliceVar(&a.grants, "grant", nil, "grants that the person holds, with commas")
	f.DurationVar(&a.signedIn, "signed-in", 0, "how long ago the person signed in")
	f.StringVar(&a.device, "device", "", "type of the device that has shown itself: any or enclave_only")
	f.StringVar(&a.deviceID, "device-id", "", "id of that device")
	f.BoolVar(&a.deviceApproved, "device-approved", false, "that device is approved")
	f.DurationVar(&a.deviceShown, "device-shown", 0, "how long ago that device showed itself")
	f.BoolVar(&a.deviceVerified, "device-user-verified", false, "its owner proved to be there by PIN or biometry then")
	f.StringVar(&a.ip, "ip", "", "address of the client")
	f.StringArrayVar(&a.headers, "header", nil, "header of the request, 'Name: value'; again for more")
	f.StringVar(&a.certificate, "certificate", "", "client certificate: valid or invalid (default: none)")
	f.StringVar(&a.at, "at", "", "when, such as 2026-06-03T10:00:00+02:00 (default: now)")
	f.StringVar(&a.request, "request", "", "id of a request that a running instance has decided")
	f.StringVar(&a.socket, "socket", "", "administrator's socket of that instance (default: in the data_dir of --config)")
	f.BoolVar(&a.json, "json", false, "print JSON")
	return cmd
}

// explainURL decides about the described request by the configuration.
func explainURL(ctx context.Context, cmd *cobra.Command, env *viper.Viper, a asked, t terminal) error {
	o, err := newOffline(ctx, source(cmd, env))
	if err != nil {
		return err
	}
	f, err := o.find(a.method, a.url)
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	if f.program == nil {
		return fmt.Errorf("explain: no policy decides about %s: %s", a.url, f.why)
	}
	var known string
	if !cmd.Flags().Changed("groups") {
		known = a.asUser(o.config)
	}
	s, err := a.scenario(f.request, time.Now())
	if err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	x, err := f.program.Explain(ctx, s)
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(t.out, struct {
			Route  string `json:"route"`
			Line   int    `json:"line"`
			Person string `json:"person,omitempty"` // what the configuration knows of them
			*policy.Explanation
		}{f.route.From.String(), f.route.Line, known, x})
	}
	if known != "" {
		known = "person " + known + "\n"
	}
	if _, err := fmt.Fprintf(t.out, "route %s (line %d)\n%s", f.route.From, f.route.Line, known); err != nil {
		return err
	}
	return x.Text(t.out)
}

// asUser gives a person of the built-in provider what they would come with: the
// address in lower case, and their groups, also as the claim. It returns words of
// that, or "" where the configuration lists no people or none is asked about.
func (a *asked) asUser(c *config.Config) string {
	if a.email == "" || c.IDPProvider != "local" {
		return ""
	}
	email := strings.ToLower(a.email)
	at := slices.IndexFunc(c.Users, func(u config.User) bool { return strings.ToLower(u.Email) == email })
	if at < 0 {
		return a.email + " is not under users: no groups"
	}
	a.email, a.groups = email, c.Users[at].Groups
	for _, g := range a.groups {
		a.claims = append(a.claims, "groups="+g)
	}
	if len(a.groups) == 0 {
		return email + ", with no groups under users"
	}
	return email + ", with the groups that users gives them: " + strings.Join(a.groups, ", ")
}

// scenario makes the facts of the flags.
func (a *asked) scenario(r policy.Request, now time.Time) (policy.Scenario, error) {
	s := policy.Scenario{Request: r, Now: now}
	var err error
	if a.at != "" {
		if s.Now, err = fixture.ParseTime(a.at); err != nil {
			return s, fmt.Errorf("--at: %w", err)
		}
	}
	if a.ip != "" {
		if s.Request.IP, err = netip.ParseAddr(a.ip); err != nil {
			return s, fmt.Errorf("--ip: %q is no address", a.ip)
		}
	}
	switch a.certificate {
	case "":
	case "valid", "invalid":
		s.Request.ClientCertificate = policy.ClientCertificate{Presented: true, Valid: a.certificate == "valid"}
	default:
		return s, fmt.Errorf("--certificate: want valid or invalid, not %q", a.certificate)
	}
	headers := map[string]string{}
	for _, h := range a.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return s, fmt.Errorf("--header: want 'Name: value', not %q", h)
		}
		headers[http.CanonicalHeaderKey(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	s.Request.Header = func(name string) (string, bool) {
		value, ok := headers[name]
		return value, ok
	}
	s.Request.Headers = maps.All(headers)
	s.Person, err = a.person(s.Now)
	return s, err
}

func (a *asked) person(now time.Time) (*policy.PersonData, error) {
	somebody := a.email != "" || a.user != ""
	if !somebody {
		if len(a.groups)+len(a.claims)+len(a.grants) > 0 || a.device != "" {
			return nil, errors.New("--groups, --claim, --grant and --device are about a person: want --email or --user too")
		}
		return nil, nil
	}
	p := &policy.PersonData{SessionID: "explained", UserID: a.user, Email: a.email, Groups: a.groups, SignedInAt: now.Add(-a.signedIn)}
	if p.UserID == "" {
		p.UserID = a.email
	}
	for _, c := range a.claims {
		name, value, ok := strings.Cut(c, "=")
		if !ok {
			return nil, fmt.Errorf("--claim: want name=value, not %q", c)
		}
		if p.Claims == nil {
			p.Claims = map[string]any{}
		}
		list, _ := p.Claims[name].([]any)
		p.Claims[name] = append(list, value)
	}
	for _, g := range a.grants {
		p.Grants = append(p.Grants, policy.Grant{Name: g, ExpiresAt: now.Add(time.Hour)})
	}
	switch a.device {
	case "":
	case policy.DeviceAny, policy.DeviceEnclave:
		p.Devices = []policy.Device{{
			ID: a.deviceID, Type: a.device, Approved: a.deviceApproved,
			ShownAt: now.Add(-a.deviceShown), UserVerified: a.deviceVerified,
		}}
	default:
		return nil, fmt.Errorf("--device: want any or enclave_only, not %q", a.device)
	}
	return p, nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
