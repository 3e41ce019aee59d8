package authorize

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
)

// A kennel is a house whose leashes are served, and the Envoy that asks.
type kennel struct {
	*house
	broker *broker
	kept   *kept // the recorded decisions
	envoy  extprocv3.ExternalProcessorClient
	stop   func() // of the house
}

// newKennel starts one in the bubble of a test.
func newKennel(t testing.TB, rules map[string]string, change func(*config.Config)) *kennel {
	t.Helper()
	b := startBroker(t)
	h := newHouseOn(t, b, rules, change)
	recorded := &kept{}
	h.recorder = recorded
	listener := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	h.RegisterLeashes(g)
	conn, err := grpc.NewClient("passthrough:///leash",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = g.Serve(listener) })
	parts.Go(func() { _ = h.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
		g.Stop()
		parts.Wait()
	})
	return &kennel{house: h, broker: b, kept: recorded, envoy: extprocv3.NewExternalProcessorClient(conn), stop: cancel}
}

// A walk is a stream on its leash, as Envoy sees it.
type walk struct {
	stream extprocv3.ExternalProcessor_ProcessClient
	leave  context.CancelFunc
	over   chan error // gets why the leash ended
}

// setOff asks q and opens the leash. The error is that of the leash.
func (k *kennel) setOff(t testing.TB, q question) (*walk, error) {
	t.Helper()
	out, err := k.Check(t.Context(), q.check())
	if err != nil || out.GetOkResponse() == nil {
		t.Fatalf("not allowed: %v %v", out, err)
	}
	return k.takeUp(t, out.GetDynamicMetadata())
}

func (k *kennel) takeUp(t testing.TB, facts *structpb.Struct) (*walk, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	stream, err := k.envoy.Process(ctx)
	if err != nil {
		t.Fatal(err)
	}
	in := &extprocv3.ProcessingRequest{
		Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{
			Headers: []*corev3.HeaderValue{{Key: "x-request-id", RawValue: []byte("request-1")}},
		}}},
	}
	if facts != nil {
		in.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{factsNamespace: facts}}
	}
	if err := stream.Send(in); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if got := answer.GetRequestHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders(); !slices.Equal(got, []string{headerBound}) {
		t.Errorf("the leash removes %q", got)
	}
	w := &walk{stream: stream, leave: cancel, over: make(chan error, 1)}
	go func() {
		for {
			if _, err := stream.Recv(); err != nil {
				w.over <- err
				return
			}
		}
	}()
	return w, nil
}

// ended is why the leash ended; "" while it is held. The bubble must be at rest.
func (w *walk) ended() string {
	select {
	case err := <-w.over:
		w.over <- err
		return status.Convert(err).Message()
	default:
		return ""
	}
}

// websocket is a request that is held wherever it goes.
func websocket(cookie string) question {
	return question{route: "app", cookie: cookie, headers: map[string]string{"upgrade": "WebSocket", "connection": "Upgrade"}}
}

const (
	ruleEngineers = `{allow: {and: [{groups: {has: engineers}}]}}`
	ruleNoBanned  = `{allow: {and: [{authenticated_user: true}]}, deny: {or: [{groups: {has: banned}}]}}`
	ruleHealthy   = `{allow: {and: [{record: {type: laptop, key: user.email, field: lost, exists: false}}]}}`
	ruleMorning   = `{allow: {and: [{time_of_day: {timezone: UTC, after: 00:00, before: 00:20}}]}}`
	ruleFresh     = `{allow: {and: [{signed_in_within: 5m}]}}`
)

func TestStreamsAreDecidedAnew(t *testing.T) {
	nothing := func(*testing.T, *kennel) {}
	deleteSession := func(t *testing.T, k *kennel) {
		if err := k.broker.client.DeleteSession(t.Context(), "s-alice"); err != nil {
			t.Fatal(err)
		}
	}
	anonymous := func(c *config.Config) { *c.PassIdentityHeaders = false }
	for _, tc := range []struct {
		name, rule string
		settings   func(*config.Config)
		change     func(*testing.T, *kennel)
		pause      time.Duration
		want       string // why it ends; "" when it goes on
	}{
		{"nothing happens", ruleAlice, nil, nothing, 20 * time.Minute, ""},
		{"the session is revoked", ruleAlice, nil, deleteSession, 0, "sign-in"},
		{"the account is shut", ruleAlice, nil, func(t *testing.T, k *kennel) {
			k.alterUser(t, func(u *databroker.User) { u.Disabled = true })
		}, 0, "disabled"},
		{"the account is removed", ruleAlice, nil, func(t *testing.T, k *kennel) {
			if err := k.broker.client.Remove(t.Context(), databroker.TypeUser, k.records.sessions["s-alice"].UserKey()); err != nil {
				t.Fatal(err)
			}
		}, 0, "sign-in"},
		{"a group is taken away", ruleEngineers, nil, func(t *testing.T, k *kennel) {
			k.alterUser(t, func(u *databroker.User) { u.Groups = nil })
		}, 0, "deny"},
		{"a group that the policy does not read is taken away", ruleAlice, nil, func(t *testing.T, k *kennel) {
			k.alterUser(t, func(u *databroker.User) { u.Groups = nil })
		}, 0, ""},
		{"a directory learns of the person", ruleNoBanned, nil, func(t *testing.T, k *kennel) {
			d := &databroker.DirectoryUser{Key: k.records.sessions["s-alice"].UserKey(), GroupNames: []string{"banned"}}
			if err := k.broker.client.PutDirectoryUser(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}, 0, "deny"},
		{"an external record appears", ruleHealthy, nil, func(t *testing.T, k *kennel) { k.loseLaptop(t, "alice@corp.example") }, 0, "deny"},
		{"one of somebody else", ruleHealthy, nil, func(t *testing.T, k *kennel) { k.loseLaptop(t, "bob@corp.example") }, 0, ""},
		{"the policy is tightened", ruleAlice, nil, func(t *testing.T, k *kennel) { k.rule(t, ruleNoOne) }, 0, "deny"},
		{"the policy changes and still allows", ruleAlice, nil, func(t *testing.T, k *kennel) { k.rule(t, ruleEngineers) }, 0, ""},
		{"another route changes", ruleAlice, nil, func(t *testing.T, k *kennel) { k.house.apply() }, time.Minute, ""},
		{"the route is removed", ruleAlice, nil, func(t *testing.T, k *kennel) { k.removeRoute() }, 0, ""},
		{"and the time is over within which Envoy may not know", ruleAlice, nil, func(t *testing.T, k *kennel) { k.removeRoute() }, overlap, "not-found"},
		{"and Envoy knows", ruleAlice, nil, func(t *testing.T, k *kennel) { k.removeRoute(); k.Acknowledged(k.config.Generation) }, 0, "not-found"},
		{"the session is nearly over", ruleAlice, nil, nothing, 30*time.Minute - time.Second, ""},
		{"the session is over", ruleAlice, nil, nothing, 30 * time.Minute, "sign-in"},
		{"the session has rested too long", ruleAlice, func(c *config.Config) { c.SessionIdleTimeout = 10 * time.Minute }, nothing, 10 * time.Minute, "sign-in"},
		{"the session is in use elsewhere", ruleAlice, func(c *config.Config) { c.SessionIdleTimeout = 10 * time.Minute }, func(t *testing.T, k *kennel) {
			time.Sleep(6 * time.Minute)
			k.allowed(question{route: "app", cookie: k.cookie("s-alice", "app.example")})
		}, 9 * time.Minute, ""},
		{"the hour turns", ruleMorning, nil, nothing, 20 * time.Minute, "deny"}, // the bubble's clock begins at midnight
		{"the hour has not turned", ruleMorning, nil, nothing, 20*time.Minute - time.Second, ""},
		{"the sign-in was long ago", ruleFresh, nil, nothing, 5 * time.Minute, "sign-in-again"},
		{"the broker is away for a moment", ruleAlice, nil, func(_ *testing.T, k *kennel) { k.broker.stop() }, 20 * time.Second, ""},
		{"the broker stays away", ruleAlice, nil, func(_ *testing.T, k *kennel) { k.broker.stop() }, 2 * time.Minute, "fault"},
		{"an upstream that was told of a person who leaves", rulePublic, nil, deleteSession, 0, "sign-in"},
		{"one that was not", rulePublic, anonymous, deleteSession, 0, ""},
		{"authorize stops", ruleAlice, nil, func(_ *testing.T, k *kennel) { k.stop() }, 0, "stopping"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKennel(t, map[string]string{"app": tc.rule, "other": ruleAlice}, tc.settings)
				w, err := k.setOff(t, websocket(k.cookie("s-alice", "app.example")))
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if why := w.ended(); why != "" {
					t.Fatalf("ended at once: %s", why)
				}
				tc.change(t, k)
				time.Sleep(tc.pause)
				synctest.Wait()
				if why := w.ended(); why != tc.want {
					t.Fatalf("ended for %q, want %q", why, tc.want)
				}
				k.accounts(t, tc.want)
			})
		})
	}
}

const ruleNoOne = `{allow: {and: [{email: {is: nobody@corp.example}}]}}`

// accounts checks what the figures and the log say of one stream that ended for
// a reason, or is held.
func (k *kennel) accounts(t *testing.T, reason string) {
	t.Helper()
	stats := k.LeashStats()
	if reason == "" {
		if stats.Open != 1 || stats.Bytes == 0 || len(stats.Ended) != 0 {
			t.Errorf("figures %+v of one that is held", stats)
		}
		return
	}
	if stats.Open != 0 || stats.Opened != 1 || stats.Bytes != 0 || stats.Ended[reason] != 1 {
		t.Errorf("figures %+v of one that ended", stats)
	}
	if len(k.leashes.by) != 0 || len(k.leashes.queue) != 0 {
		t.Errorf("something is kept of it: %v %v", k.leashes.by, k.leashes.queue)
	}
	if reason == reasonStopping {
		if !strings.Contains(k.log.String(), `"streams":1`) {
			t.Errorf("the log says %s", k.log)
		}
		return
	}
	lines := k.auditLines()
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		t.Fatal(err)
	}
	if line["message"] != "authorize stream ended" || line["outcome"] != reason || line["request-id"] != "request-1" || line["lasted"] == nil {
		t.Errorf("the audit says %v", line)
	}
	if last := k.kept.all[len(k.kept.all)-1]; last.Outcome != reason || last.RequestID != "request-1" {
		t.Errorf("recorded is %+v", last) // and explained by the request's id
	}
}

func (k *kennel) alterUser(t *testing.T, f func(*databroker.User)) {
	t.Helper()
	u, err := k.broker.client.User(t.Context(), k.records.sessions["s-alice"].UserKey())
	if err != nil {
		t.Fatal(err)
	}
	u = u.Clone()
	f(u)
	if err := k.broker.client.PutUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func (k *kennel) loseLaptop(t *testing.T, email string) {
	t.Helper()
	e := &databroker.External{Type: "laptop", Key: "user.email", Value: email, Data: map[string]any{"lost": true}}
	if err := k.broker.client.PutExternal(t.Context(), e, databroker.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// rule puts another policy in force on the route.
func (k *kennel) rule(t *testing.T, rule string) {
	t.Helper()
	for _, r := range k.config.Routes {
		if r.ID == "app" {
			r.Policy = newConfig(t, map[string]string{"app": rule}).Routes[0].Policy
		}
	}
	k.apply()
}

func (k *kennel) removeRoute() {
	next := *k.config
	next.Generation++
	next.Routes = slices.DeleteFunc(slices.Clone(next.Routes), func(r *config.Route) bool { return r.ID == "app" })
	k.config = &next
	k.apply()
}

func TestWhatCarriesFacts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, map[string]string{"app": ruleAlice}, func(c *config.Config) {
		c.Routes[0].SetRequestHeaders = map[string]string{"x-path": `${pomerium.request.headers["X-A"]}`}
	})
	plain := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	cookie := h.cookie("s-alice", "app.example")
	for _, tc := range []struct {
		name  string
		q     question
		facts bool
	}{
		{"an ordinary request", question{}, false},
		{"one that accepts events", question{headers: map[string]string{"accept": "text/event-stream"}}, false},
		{"an upgrade", question{headers: map[string]string{"upgrade": "anything"}}, true},
		{"an empty upgrade", question{headers: map[string]string{"upgrade": " "}}, true},
		{"gRPC", question{headers: map[string]string{"content-type": "application/grpc"}}, true},
		{"gRPC in other letters", question{headers: map[string]string{"content-type": "Application/GRPC+proto"}}, true},
		{"gRPC among others", question{headers: map[string]string{"content-type": "text/plain,application/grpc"}}, true},
		{"a tunnel", question{method: "CONNECT", host: "app.example"}, true},
		{"a route that is held", question{leash: true}, true},
		{"a path of our own", question{internal: true, path: "/.pomerium/", headers: map[string]string{"upgrade": "websocket"}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, h := range []*house{h, plain} {
				q := tc.q
				q.route, q.cookie = "app", cookie+"; theme=dark"
				out, err := h.Check(t.Context(), q.check())
				if err != nil || out.GetOkResponse() == nil {
					t.Fatalf("%v %v", out, err)
				}
				facts := out.GetDynamicMetadata()
				if (facts != nil) != tc.facts {
					t.Fatalf("facts: %v", facts)
				}
				if facts == nil {
					continue
				}
				in := &extprocv3.ProcessingRequest{MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{factsNamespace: facts}}}
				wire, session, err := readFacts(in)
				var r request
				if err != nil || r.readMessage(wire) != nil || r.headers.get("cookie") != q.cookie || session != "s-alice" {
					t.Errorf("facts of %q with %q, %v", session, r.headers, err)
				}
			}
		})
	}
}

func TestALeashWithoutGoodFactsIsRefused(t *testing.T) {
	fields := func(facts string) *structpb.Struct {
		return &structpb.Struct{Fields: map[string]*structpb.Value{factsField: structpb.NewStringValue(facts)}}
	}
	for name, facts := range map[string]*structpb.Struct{
		"empty ones": fields(""), "no base64": fields("*"), "no message": fields("/w"), "of no route": fields("CgA"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKennel(t, map[string]string{"app": rulePublic}, nil)
				if _, err := k.takeUp(t, facts); status.Code(err) != codes.InvalidArgument && status.Code(err) != codes.PermissionDenied {
					t.Errorf("error %v", err)
				}
				if stats := k.LeashStats(); stats.Open != 0 || len(stats.Ended) != 1 || stats.Bytes != 0 {
					t.Errorf("figures %+v", stats)
				}
			})
		})
	}
}

// TestWhatIsNotDecidedIsNotHeld: it passes, and keeps its bound.
func TestWhatIsNotDecidedIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKennel(t, map[string]string{"app": rulePublic}, nil)
		stream, err := k.envoy.Process(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{}}); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil || answer.GetRequestHeaders() == nil || answer.GetRequestHeaders().GetResponse().GetHeaderMutation() != nil {
			t.Errorf("answer %v, %v", answer, err)
		}
		if _, err := stream.Recv(); err != io.EOF {
			t.Errorf("ends with %v", err)
		}
		if stats := k.LeashStats(); stats.Open != 0 || stats.Opened != 0 {
			t.Errorf("figures %+v", stats)
		}
	})
}

// TestAChangeBetweenCheckAndLeashIsSeen: nobody is told of it.
func TestAChangeBetweenCheckAndLeashIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKennel(t, map[string]string{"app": rulePublic}, nil)
		out, err := k.Check(t.Context(), websocket(k.cookie("s-alice", "app.example")).check())
		if err != nil {
			t.Fatal(err)
		}
		if err := k.broker.client.DeleteSession(t.Context(), "s-alice"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := k.takeUp(t, out.GetDynamicMetadata()); status.Code(err) != codes.PermissionDenied {
			t.Errorf("error %v", err)
		}
	})
}

func TestTrailersPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKennel(t, map[string]string{"app": rulePublic}, nil)
		w, err := k.setOff(t, websocket(""))
		if err != nil {
			t.Fatal(err)
		}
		trailers := &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extprocv3.HttpTrailers{}}}
		if err := w.stream.Send(trailers); err != nil {
			t.Fatal(err)
		}
		if err := w.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if why := w.ended(); why != "EOF" {
			t.Errorf("ended for %q", why)
		}
		if stats := k.LeashStats(); stats.Open != 0 || stats.Ended[reasonClosed] != 1 {
			t.Errorf("figures %+v", stats)
		}
	})
}

// TestAStrangeMessageEndsTheStream: an end without an error would let it go on,
// held by nobody.
func TestAStrangeMessageEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKennel(t, map[string]string{"app": rulePublic}, nil)
		w, err := k.setOff(t, websocket(""))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.stream.Send(&extprocv3.ProcessingRequest{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if why := w.ended(); why == "" || why == "EOF" {
			t.Errorf("ended for %q", why)
		}
	})
}

// TestThousandsOfStreams has two thousand people with a stream each.
func TestThousandsOfStreams(t *testing.T) {
	const people = 2000
	synctest.Test(t, func(t *testing.T) {
		k := newKennel(t, map[string]string{"app": ruleNoBanned}, nil)
		walks := make([]*walk, people)
		before := heap()
		for i := range walks {
			id := fmt.Sprintf("s-%d", i)
			s := k.signIn(id, "user"+id, id+"@corp.example", "engineers")
			s.Version, s.IssuedAt, s.ExpiresAt = 0, time.Now(), time.Now().Add(time.Hour)
			u := k.records.users[s.UserKey()]
			if err := k.broker.client.PutUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if err := k.broker.client.PutSession(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			var err error
			if walks[i], err = k.setOff(t, websocket(k.cookie(id, "app.example"))); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d KiB for each stream, its client, session and user", (heap()-before)/people>>10)
		if stats := k.LeashStats(); stats.Open != people {
			t.Fatalf("figures %+v", stats)
		}
		if err := k.broker.client.DeleteSession(t.Context(), "s-7"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		k.apply() // a reload concerns everybody
		synctest.Wait()
		for i, w := range walks {
			if why := w.ended(); (why != "") != (i == 7) {
				t.Fatalf("stream %d ended for %q", i, why)
			}
		}
		k.rule(t, ruleNoOne)
		synctest.Wait()
		if stats := k.LeashStats(); stats.Open != 0 || stats.Ended["deny"] != people-1 || stats.Bytes != 0 {
			t.Errorf("figures %+v", stats)
		}
	})
}

// heap returns what is in use of heap and stacks, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// TestOnlyWhatDependsIsDecided counts decisions.
func TestOnlyWhatDependsIsDecided(t *testing.T) {
	t.Parallel()
	table := newLeashes()
	var all []*leash
	for i := range 4 {
		l := &leash{ended: make(chan struct{})}
		table.take(l)
		table.tie(l, []dependency{{dependsRoute, "app"}, {databroker.TypeSession, fmt.Sprint(i / 2)}}, time.Hour, 0)
		all = append(all, l)
	}
	waiting := func() (n int) {
		for l := table.next(); l != nil; l = table.next() {
			n++
			table.tie(l, l.deps, time.Hour, table.seen())
		}
		return n
	}
	for _, step := range []struct {
		change dependency
		want   int
	}{
		{dependency{databroker.TypeSession, "0"}, 2}, {dependency{databroker.TypeSession, "9"}, 0},
		{dependency{databroker.TypeUser, "0"}, 0}, {dependency{dependsRoute, "app"}, 4},
	} {
		table.changed(step.change)
		table.changed(step.change) // twice is once
		if n := waiting(); n != step.want {
			t.Errorf("%v: %d decided, want %d", step.change, n, step.want)
		}
	}
	table.changedAll()
	if n := waiting(); n != 4 {
		t.Errorf("anything: %d decided", n)
	}
	// What changes while it is decided is decided once more.
	table.changed(dependency{databroker.TypeSession, "0"})
	l := table.next()
	table.changed(dependency{databroker.TypeSession, "0"})
	table.tie(l, l.deps, time.Hour, 0)
	if n := waiting(); n != 2 {
		t.Errorf("%d decided, want the other and this one again", n)
	}
	// So is what begins to depend on what has changed meanwhile.
	table.markOne(l)
	l, seen := table.next(), table.seen()
	table.changed(dependency{databroker.TypeUser, "new"})
	table.tie(l, []dependency{{databroker.TypeUser, "new"}}, time.Hour, seen)
	if n := waiting(); n != 1 {
		t.Errorf("%d decided, want 1", n)
	}
	for _, l := range all {
		table.drop(l, reasonClosed)
	}
	if len(table.by) != 0 || len(table.all) != 0 {
		t.Errorf("something is left: %v %v", table.by, table.all)
	}
}

func TestTooManyBytesAreNotHeld(t *testing.T) {
	t.Parallel()
	table := newLeashes()
	var held []*leash
	take := func(session string, part int64) bool {
		l := &leash{wire: strings.Repeat("x", int(maxLeashBytes/part)), session: session, ended: make(chan struct{})}
		ok := table.take(l)
		if ok {
			held = append(held, l)
		}
		return ok
	}
	for i := range 3 {
		if ok := take("", 4); ok != (i < 2) {
			t.Errorf("number %d that is nobody's: taken %v", i, ok)
		}
	}
	for i := range 3 {
		if ok := take("s-eve", 32); ok != (i < 2) {
			t.Errorf("number %d of one session: taken %v", i, ok)
		}
	}
	for i := range 8 {
		if ok := take(fmt.Sprint("s-", i), 16); ok != (i < 7) { // a half, a sixteenth, and seven of them
			t.Errorf("number %d of all: taken %v", i, ok)
		}
	}
	for _, l := range held {
		table.drop(l, reasonClosed)
		table.drop(l, reasonClosed) // counts once
	}
	if table.bytes != 0 || len(table.share) != 0 {
		t.Errorf("something is left: %d, %v", table.bytes, table.share)
	}
	if !take("s-eve", 16) {
		t.Error("there is no room in an empty table")
	}
}

// TestWhileNobodyTellsOfChangesTheyAreLookedFor: the broker answers, and its feed
// is silent.
func TestWhileNobodyTellsOfChangesTheyAreLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
		h.records.silent = true
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx) })
		var r request
		h.read(&r, websocket(h.cookie("s-alice", "app.example")))
		l := &leash{wire: r.wire, began: h.now(), ended: make(chan struct{})}
		h.leashes.take(l)
		h.decideAgain(ctx, l)
		time.Sleep(10 * feedLook)
		synctest.Wait()
		if l.why != "" {
			t.Fatalf("ended for %q", l.why)
		}
		h.records.change(func() { delete(h.records.sessions, "s-alice") })
		time.Sleep(feedLook)
		synctest.Wait()
		if l.why != "sign-in" {
			t.Errorf("ended for %q", l.why)
		}
		cancel()
		running.Wait()
	})
}
