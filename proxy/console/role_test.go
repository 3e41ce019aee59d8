package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

var allRoles = []Role{RoleNone, RoleViewer, RoleManager, RoleAdmin}

// actions finds the actions among the methods of Service: those that take who
// acts and a request.
func actions(s *Service) map[Action]reflect.Value {
	found := map[Action]reflect.Value{}
	v := reflect.ValueOf(s)
	for i := range v.NumMethod() {
		m := v.Method(i)
		if t := m.Type(); t.NumIn() >= 2 && t.In(1) == reflect.TypeFor[Actor]() {
			found[Action(v.Type().Method(i).Name)] = m
		}
	}
	return found
}

// methods are those of console.v1 with their full names.
func methods(t *testing.T) map[Action]protoreflect.MethodDescriptor {
	t.Helper()
	found := map[Action]protoreflect.MethodDescriptor{}
	protoregistry.GlobalFiles.RangeFilesByPackage("console.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				m := f.Services().Get(i).Methods().Get(j)
				if found[Action(m.Name())] != nil {
					t.Errorf("two methods are called %s", m.Name())
				}
				found[Action(m.Name())] = m
			}
		}
		return true
	})
	return found
}

// TestEveryActionHasARole holds the table against the methods of Service and
// those of console.v1: none may lack a row, and no row its methods.
func TestEveryActionHasARole(t *testing.T) {
	t.Parallel()
	inGo, inGRPC := actions(&Service{}), methods(t)
	for action, role := range roles {
		if role <= RoleNone || role > RoleAdmin {
			t.Errorf("%s needs role %d", action, role)
		}
		if _, ok := inGo[action]; !ok {
			t.Errorf("%s is in the table and no method of Service", action)
		}
		if _, ok := inGRPC[action]; !ok {
			t.Errorf("%s is in the table and no method of console.v1", action)
		}
	}
	for action := range inGo {
		if _, ok := roles[action]; !ok {
			t.Errorf("Service.%s is not in the table", action)
		}
	}
	for action := range inGRPC {
		if _, ok := roles[action]; !ok {
			t.Errorf("console.v1 %s is not in the table", action)
		}
	}
}

// TestServiceLooksAtTheRole calls every action in every role, with an empty
// request: it is ErrForbidden exactly below the role of the table.
func TestServiceLooksAtTheRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for action, method := range actions(w.Service) {
		for _, role := range allRoles {
			t.Run(string(action)+" as "+role.String(), func(t *testing.T) {
				if method.Type().NumIn() != 3 {
					t.Skip("a stream; tried over gRPC")
				}
				out := method.Call([]reflect.Value{
					reflect.ValueOf(t.Context()), reflect.ValueOf(as(role)), reflect.New(method.Type().In(2).Elem()),
				})
				err, _ := out[1].Interface().(error)
				if forbidden := errors.Is(err, ErrForbidden); forbidden != (role < roles[action]) {
					t.Errorf("error %v", err)
				}
				if err != nil && !out[0].IsNil() {
					t.Errorf("an answer beside the error %v", err)
				}
			})
		}
	}
}

// dial connects to a server on which everybody is who actor says.
func (w *world) dial(actor *Actor) *grpc.ClientConn {
	w.t.Helper()
	listen := bufconn.Listen(1 << 20)
	server := w.NewGRPC(func(context.Context) Actor { return *actor })
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listen) }()
	conn, err := grpc.NewClient("passthrough:///console", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listen.DialContext(ctx) }))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(); server.Stop(); <-served })
	return conn
}

func TestGRPCLooksAtTheRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	actor := new(Actor)
	conn := w.dial(actor)
	for action, m := range methods(t) {
		for _, role := range allRoles {
			*actor = as(role)
			code := callEmpty(t, conn, m)
			if forbidden := code == codes.PermissionDenied; forbidden != (role < roles[action]) {
				t.Errorf("%s as %s: %s", action, role, code)
			}
			if code == codes.Unimplemented {
				t.Errorf("%s is not served", action)
			}
		}
	}
}

// callEmpty calls a method with an empty request; of a stream it takes the
// first message.
func callEmpty(t *testing.T, conn *grpc.ClientConn, m protoreflect.MethodDescriptor) codes.Code {
	t.Helper()
	name := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	var req, resp proto.Message = dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if !m.IsStreamingServer() && !m.IsStreamingClient() {
		return status.Code(conn.Invoke(ctx, name, req, resp))
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: m.IsStreamingClient()}, name)
	if err != nil {
		return status.Code(err)
	}
	if err := errors.Join(stream.SendMsg(req), stream.CloseSend()); err != nil {
		return status.Code(err)
	}
	done := make(chan error, 1)
	go func() { done <- stream.RecvMsg(resp) }()
	return status.Code(<-done)
}

// TestPagesLookAtTheRole opens every page in every role.
func TestPagesLookAtTheRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The page that ends all sessions last: its askers need theirs.
	served := slices.SortedFunc(slices.Values(w.server.served), func(a, b servedPage) int {
		return strings.Compare(last(a), last(b))
	})
	for _, page := range served {
		method, path, _ := strings.Cut(page.pattern, " ")
		path = strings.TrimSuffix(path, "{$}")
		for _, role := range allRoles {
			session := w.signIn(role.String(), nil)
			out := w.get(session, path)
			if method == http.MethodPost {
				out = w.post(session, path, nil)
			}
			if forbidden := out.Code == http.StatusForbidden; forbidden != (role < roles[page.action]) {
				t.Errorf("%s as %s: status %d", page.pattern, role, out.Code)
			}
			if roles[page.action] == 0 {
				t.Errorf("%s does %s, which has no role", page.pattern, page.action)
			}
		}
	}
}

func last(p servedPage) string {
	if strings.HasPrefix(p.pattern, "POST") {
		return "1" + p.pattern
	}
	return "0" + p.pattern
}
