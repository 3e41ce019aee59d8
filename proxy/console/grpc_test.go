package console

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// route serves the console as its route does, over HTTP/2 without TLS, and
// returns a connection to it.
func (w *world) route() *grpc.ClientConn {
	w.t.Helper()
	server := httptest.NewUnstartedServer(w.server.Handler())
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	w.t.Cleanup(server.Close)
	conn, err := grpc.NewClient("passthrough:///"+server.Listener.Addr().String(), grpc.WithAuthority(consoleHost),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, to string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to)
		}))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestGRPCThroughTheRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := w.route()
	sessions := consolepb.NewSessionServiceClient(conn)
	viewer, admin, victim := w.signIn("viewer", nil), w.signIn("admin", nil), w.signIn("victim", nil)
	w.shown(victim)
	with := func(session string, more ...string) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), append([]string{assertion.Header, w.assert(session, consoleHost)}, more...)...)
	}
	if out, err := sessions.ListSessions(with(viewer), &consolepb.ListSessionsRequest{}); err != nil || out.Page.Total != 3 {
		t.Errorf("a viewer lists: %v, %v", out, err)
	}
	if _, err := sessions.RevokeSession(with(viewer), &consolepb.RevokeSessionRequest{Id: victim}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a viewer ends a session: %v", err)
	}
	w.audit.take()
	if _, err := sessions.RevokeSession(with(admin), &consolepb.RevokeSessionRequest{Id: victim}); err != nil || w.lives(victim) {
		t.Errorf("an administrator ends a session: %v", err)
	}
	if got := w.audit.take(); len(got) != 1 || got[0].Actor.Via != ViaGRPC || got[0].Actor.Email != "admin@example.com" || got[0].Actor.Role != RoleAdmin {
		t.Errorf("the audit has %+v", got)
	}
	for name, ctx := range map[string]context.Context{
		"nobody":            t.Context(),
		"a foreign page":    with(admin, "sec-fetch-site", "cross-site"),
		"another host":      metadata.AppendToOutgoingContext(t.Context(), assertion.Header, w.assert(admin, "app.example.com")),
		"a guest":           with(w.signIn("guest", nil)),
		"a session no more": with(victim),
	} {
		if out, err := sessions.ListSessions(ctx, &consolepb.ListSessionsRequest{}); err == nil {
			t.Errorf("%s is answered: %v", name, out)
		}
	}
}

func TestReflectionTellsOfEveryService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	actor := Operator(0, "")
	stream, err := reflectionpb.NewServerReflectionClient(w.dial(&actor)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	out, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, s := range out.GetListServicesResponse().GetService() {
		told[s.Name] = true
	}
	for _, m := range methods(t) {
		if name := string(m.Parent().FullName()); !told[name] {
			t.Errorf("%s is not told of", name)
		}
	}
}

// TestNobodyIsTheActorByDefault: a server without a door lets nobody do
// anything.
func TestNobodyIsTheActorByDefault(t *testing.T) {
	t.Parallel()
	if a := actorOf(t.Context()); a != (Actor{}) || a.May("ListSessions") {
		t.Errorf("%+v", a)
	}
	if a := Operator(1000, "r"); a.Role != RoleAdmin || a.Via != ViaSocket || a.Label() != "operator (uid 1000)" {
		t.Errorf("%+v", a)
	}
}
