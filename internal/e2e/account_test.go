package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cardea-proxy/cardea/internal/testidp"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// robotRoutes are two hosts for robots and one for people alone.
const robotRoutes = `  - {from: 'https://one.localhost', verify: true, policy: {allow: {or: [{groups: {has: robots}}]}}}
  - {from: 'https://two.localhost', verify: true, idp_client_id: another, idp_client_secret: s, policy: {allow: {or: [{groups: {has: robots}}]}}}
  - {from: 'https://people.localhost', verify: true, policy: {allow: {or: [{domain: example.com}]}}}
`

// robotSettings let robots that are listed in a role use the console's API.
const robotSettings = `
pass_identity_headers: true
console:
  admins: [{email: {is: ada@example.com}}, {groups: {has: automation}}]
`

// hire makes a service account by command and returns its id and its token.
func (in *instance) hire(t testing.TB, more ...string) (id, token string) {
	t.Helper()
	var out struct {
		Account struct{ ID string }
		Token   string
	}
	args := append([]string{"service-account", "create", "robot", "--json", "--for", "24h", "--config", in.file}, more...)
	text := in.tool(t, 0, args...)
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.Token == "" {
		t.Fatalf("%v in %s", err, text)
	}
	return out.Account.ID, out.Token
}

func TestAServiceAccountOpensRoutesByItsToken(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, robotSettings, consoleRoute+robotRoutes)
	id, token := h.in.hire(t, "--group", "robots")
	c := h.in.client(t, clientOptions{})
	for _, header := range [][]string{
		{"Authorization", "Pomerium " + token}, {"Authorization", "Bearer Pomerium-" + token}, {"X-Pomerium-Authorization", token},
	} {
		for host, want := range map[string]int{"one.localhost": 200, "two.localhost": 200, "any.localhost": 200, "people.localhost": 403} {
			a := c.get(t, h.in.at(host+"/json"), header...).want(t, want)
			if want != 200 {
				continue
			}
			if strings.Contains(a.body, token) || !strings.Contains(a.body, `"`+id+`"`) {
				t.Errorf("%s: %s", host, a.body)
			}
		}
	}
	list := h.in.tool(t, 0, "service-account", "list", "--config", h.in.file)
	if !strings.Contains(list, id) || !strings.Contains(list, "active") || strings.Contains(list, token) {
		t.Errorf("the list: %s", list)
	}
	if strings.Contains(h.in.logs.text(), token) {
		t.Error("the log holds the token")
	}

	t.Run("what does not open anything", func(t *testing.T) {
		session := h.handle(t, person{Sub: "ada", Email: "ada@example.com", Name: "Ada"}, "any.localhost")
		browser := []string{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none", "Accept", "text/html"}
		for name, tc := range map[string]struct {
			address string
			headers []string
		}{
			"in a cookie":                         {"one.localhost/json", []string{"Cookie", "_pomerium=" + token}},
			"in a browser's cookie":               {"one.localhost/json", append([]string{"Cookie", "_pomerium=" + token}, browser...)},
			"in a link":                           {"one.localhost/json?pomerium_session=" + token, browser},
			"in the address of a program":         {"one.localhost/json?pomerium_session=" + token, nil},
			"truncated":                           {"one.localhost/json", []string{"Authorization", "Pomerium " + token[:len(token)-2]}},
			"with a bit turned":                   {"one.localhost/json", []string{"Authorization", "Pomerium " + flip(token)}},
			"as a bare bearer token":              {"one.localhost/json", []string{"Authorization", "Bearer " + token}},
			"a person's handle on another's host": {"one.localhost/json", []string{"Authorization", "Pomerium " + session}},
			"its devices":                         {"one.localhost/.pomerium/webauthn", []string{"Authorization", "Pomerium " + token}},
			"a sign-in with it":                   {"authenticate.localhost/.pomerium/devices", []string{"Authorization", "Pomerium " + token}},
			"its requests at the sign-in host":    {"authenticate.localhost/.pomerium/requests", []string{"Authorization", "Pomerium " + token, "Cookie", "_pomerium_authenticate=" + token}},
			"the pages of the console":            {"console.localhost/sessions", []string{"Authorization", "Pomerium " + token}},
		} {
			if a := c.get(t, h.in.at(tc.address), tc.headers...); a.status < 300 {
				t.Errorf("%s: status %d: %s", name, a.status, a.brief())
			}
		}
		if home := c.get(t, h.in.at("authenticate.localhost/.pomerium/"), "Authorization", "Pomerium "+token); strings.Contains(home.body, id) {
			t.Error("the sign-in host knows who that is")
		}
		c.do(t, http.MethodPost, h.in.at("one.localhost/.pomerium/sign_out"), "", "Authorization", "Pomerium "+token, "Origin", h.in.at("one.localhost"))
		c.get(t, h.in.at("one.localhost/json"), "Authorization", "Pomerium "+token).want(t, 200) // and is not signed out
	})
	t.Run("of another installation", func(t *testing.T) {
		other := launchHousehold(t, testidp.Options{}, robotSettings, consoleRoute+robotRoutes)
		_, theirs := other.in.hire(t, "--group", "robots")
		c.get(t, h.in.at("one.localhost/json"), "Authorization", "Pomerium "+theirs).want(t, http.StatusUnauthorized)
	})
	t.Run("in the store stands no token", func(t *testing.T) {
		err := filepath.Walk(filepath.Join(h.in.dir, "data"), func(path string, info os.FileInfo, err error) error {
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			content, err := os.ReadFile(path)
			if bytes.Contains(content, []byte(token)) {
				t.Errorf("%s holds it", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("deleted, it opens nothing", func(t *testing.T) {
		h.in.tool(t, 0, "service-account", "delete", id, "--config", h.in.file)
		eventually(t, inForce, "the end of the account", func() error {
			if a := c.get(t, h.in.at("one.localhost/json"), "Authorization", "Pomerium "+token); a.status != http.StatusUnauthorized {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
	})
}

// grpcTo connects to a host of the instance; calls bear the token.
func (in *instance) grpcTo(t testing.TB, host string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+host+":"+in.port,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: in.authority(t)})),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return in.dialContext(ctx, "tcp", address)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func bearing(t testing.TB, token string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Pomerium "+token)
}

func TestAServiceAccountCallsTheConsole(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, robotSettings, consoleRoute+robotRoutes)
	id, token := h.in.hire(t, "--group", "automation")
	_, plain := h.in.hire(t)
	conn := h.in.grpcTo(t, "console.localhost")
	accounts := consolepb.NewServiceAccountServiceClient(conn)
	out, err := accounts.ListServiceAccounts(bearing(t, token), &consolepb.ListServiceAccountsRequest{})
	if err != nil || len(out.Accounts) != 2 {
		t.Fatalf("%v, %v", out, err)
	}
	if _, err := accounts.ListServiceAccounts(bearing(t, plain), &consolepb.ListServiceAccountsRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("one without a role: %v", err)
	}
	if _, err := accounts.ListServiceAccounts(t.Context(), &consolepb.ListServiceAccountsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	// It acts in its role, and lets nobody in.
	access := consolepb.NewAccessServiceClient(conn)
	if _, err := access.CreateGrant(bearing(t, token), &consolepb.CreateGrantRequest{UserKey: "service-account/" + id, Name: "ops", Reason: "x"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a grant without a length: %v", err)
	}
	if _, err := accounts.DeleteServiceAccount(bearing(t, token), &consolepb.DeleteServiceAccountRequest{Id: id}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("it deletes itself: %v", err)
	}
	h.in.tool(t, 0, "service-account", "delete", id, "--config", h.in.file)
	eventually(t, inForce, "the end of the account", func() error {
		if _, err := accounts.ListServiceAccounts(bearing(t, token), &consolepb.ListServiceAccountsRequest{}); status.Code(err) != codes.Unauthenticated {
			return fmt.Errorf("after its end: %w", err)
		}
		return nil
	})
}

// TestATokenIsNoKeyToTheInside: neither the store nor the administrator's socket
// nor the control of Envoy is behind any host, whoever asks.
func TestATokenIsNoKeyToTheInside(t *testing.T) {
	h := launchHousehold(t, testidp.Options{}, robotSettings, consoleRoute+robotRoutes)
	_, token := h.in.hire(t, "--group", "automation", "--group", "robots")
	for _, host := range []string{"console.localhost", "one.localhost", "authenticate.localhost"} {
		conn := h.in.grpcTo(t, host)
		for _, method := range []string{
			"/cardea.databroker.v1.Databroker/Get", "/cardea.databroker.v1.Databroker/List", "/cardea.databroker.v1.Databroker/Write",
			"/envoy.service.auth.v3.Authorization/Check", "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
		} {
			if err := conn.Invoke(bearing(t, token), method, &emptypb.Empty{}, &emptypb.Empty{}); err == nil {
				t.Errorf("%s answers at %s", method, host)
			}
		}
	}
	for _, name := range []string{filepath.Join("admin", "grpc"), "admin"} {
		info, err := os.Stat(filepath.Join(h.in.dir, "data", name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
