package authorize

import (
	"maps"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A told is what a decision reads of a question.
type told struct {
	ID, Method, Target, Host, IP, Leaf, Chain, Route, Policy string
	Internal                                                 bool
	Headers                                                  map[string]string
}

// toldByLibrary reads in through the library's own code.
func toldByLibrary(in *authv3.CheckRequest) told {
	a := in.GetAttributes()
	http := a.GetRequest().GetHttp()
	return told{
		ID: http.GetId(), Method: http.GetMethod(), Target: http.GetPath(), Host: http.GetHost(),
		IP: a.GetSource().GetAddress().GetSocketAddress().GetAddress(), Leaf: a.GetSource().GetCertificate(),
		Chain:   a.GetMetadataContext().GetFilterMetadata()[chainNamespace].GetFields()[chainField].GetStringValue(),
		Route:   a.GetContextExtensions()[extensionRoute],
		Policy:  a.GetContextExtensions()[extensionPolicy],
		Headers: maps.Clone(http.GetHeaders()), Internal: a.GetContextExtensions()[extensionInternal] == "true",
	}
}

// toldByUs reads the same from the bytes.
func toldByUs(wire string) (told, error) {
	var r request
	if err := r.readMessage(wire); err != nil {
		return told{}, err
	}
	var headers map[string]string
	for _, h := range r.headers {
		if headers == nil {
			headers = make(map[string]string)
		}
		headers[h.name] = h.value
	}
	return told{
		ID: r.checkID, Method: r.method, Target: r.target, Host: r.host, IP: r.sourceIP, Leaf: r.leaf, Chain: r.chain,
		Route: r.routeID, Policy: r.digest, Internal: r.internal, Headers: headers,
	}, nil
}

// whole is a question with every field that Envoy fills in.
func whole() *authv3.CheckRequest {
	in := question{route: "app", internal: true, path: "/a?b", cookie: "_pomerium=x; é=ü", leaf: "PEM"}.check()
	a := in.Attributes
	a.Source.Principal, a.Source.Labels, a.Source.Service = "spiffe://x", map[string]string{"a": "b"}, "s"
	a.Source.Address.GetSocketAddress().PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: 443}
	a.Destination = &authv3.AttributeContext_Peer{Certificate: "theirs", Address: a.Source.Address}
	a.Request.Time = timestamppb.Now()
	a.Request.Http.Size, a.Request.Http.Body, a.Request.Http.RawBody = -1, "body", []byte{0xff}
	a.TlsSession = &authv3.AttributeContext_TLSSession{Sni: "app.example"}
	chain, _ := structpb.NewStruct(map[string]any{"presented": true, chainField: "CHAIN", "n": 1.5, "none": nil})
	other, _ := structpb.NewStruct(map[string]any{chainField: "not this one"})
	a.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"other": other, chainNamespace: chain}}
	a.RouteMetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{chainNamespace: other}}
	return in
}

func TestMessageIsReadAsTheLibraryReadsIt(t *testing.T) {
	wrongKind := whole()
	wrongKind.Attributes.MetadataContext.FilterMetadata[chainNamespace].Fields[chainField] = structpb.NewNumberValue(1)
	pipe := whole()
	pipe.Attributes.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/a"}}}
	for name, in := range map[string]*authv3.CheckRequest{
		"one with everything":                whole(),
		"one with nothing":                   {},
		"one without headers":                {Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Path: "/"}}}},
		"an ordinary one":                    question{route: "app", headers: ordinary}.check(),
		"one with a chain that is no text":   wrongKind,
		"one that came from no network":      pipe,
		"one with empty names and values":    question{route: "app", headers: map[string]string{"": "x", "y": " "}}.check(),
		"one with a header of a long length": question{route: "app", cookie: string(make([]byte, 70_000))}.check(),
	} {
		t.Run(name, func(t *testing.T) {
			wire, err := proto.Marshal(in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := toldByUs(string(wire))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(toldByLibrary(in), got); diff != "" {
				t.Errorf("(-library +ours):\n%s", diff)
			}
		})
	}
}

func TestBrokenMessageIsNoQuestion(t *testing.T) {
	good, err := proto.Marshal(whole())
	if err != nil {
		t.Fatal(err)
	}
	for name, wire := range map[string]string{
		"a length beyond the end":       "\x0a\x05a",
		"a number without an end":       "\x0a\xff",
		"a number of eleven bytes":      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"a number of more than 64 bits": "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		"field zero":                    "\x02\x00",
		"a group":                       "\x0b\x0c",
		"a fixed64 beyond the end":      "\x09aaaa",
		"text that is not UTF-8":        "\x0a\x08\x22\x06\x12\x04\x12\x02\xff\xfe",
		"a cut one":                     string(good[:len(good)-1]),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := toldByUs(wire); err == nil {
				t.Errorf("read as %+v", got)
			}
			if proto.Unmarshal([]byte(wire), new(authv3.CheckRequest)) == nil && name != "a group" {
				t.Error("the library reads it")
			}
			var x exchange
			if err := Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, &x); err == nil {
				t.Error("the codec takes it")
			}
		})
	}
}

// FuzzMessage reads whatever bytes come. Where the library finds a message, ours
// finds the same in it, written as the library would write it.
func FuzzMessage(f *testing.F) {
	for _, in := range []*authv3.CheckRequest{{}, whole(), question{route: "app", headers: ordinary}.check()} {
		wire, err := proto.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		_, _ = toldByUs(string(wire)) // must come back
		var in authv3.CheckRequest
		if proto.Unmarshal(wire, &in) != nil {
			t.Skip("no message")
		}
		in.ProtoReflect().SetUnknown(nil)
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&in)
		if err != nil {
			t.Skip("no message")
		}
		got, err := toldByUs(string(again))
		if err != nil {
			t.Skip("it has a group that nobody knows")
		}
		if diff := cmp.Diff(toldByLibrary(&in), got); diff != "" {
			t.Errorf("(-library +ours):\n%s", diff)
		}
	})
}

// TestAnExchangeForgets asks with everything and then with nothing: what is used
// again must hold nothing of the person before.
func TestAnExchangeForgets(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	for range 200 {
		if got := h.ask(question{route: "app", cookie: h.cookie("s-alice", "app.example")}); !got.allowed {
			t.Fatal("alice is not let in")
		}
		if got := h.ask(question{route: "app"}); got.allowed {
			t.Fatal("somebody without a ticket is let in after alice")
		}
	}
	x := newExchange()
	defer x.done()
	if len(x.request.headers) != 0 || x.request.host != "" || x.entry.route != nil {
		t.Errorf("a new exchange holds %+v", x)
	}
}

// TestBytesKeptAreTheMessage holds what is sent against what is tested.
func TestBytesKeptAreTheMessage(t *testing.T) {
	h := newHouse(t, map[string]string{"app": ruleAlice}, nil)
	wire, err := proto.Marshal(question{route: "app", cookie: h.cookie("s-alice", "app.example")}.check())
	if err != nil {
		t.Fatal(err)
	}
	read := func(v any) error { return Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, v) }
	out, err := serveCheck(h.Server, t.Context(), read, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out.(*response).wire == nil {
		t.Error("the answer to an allowed request is made anew each time")
	}
	sent, err := Codec().Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var got authv3.CheckResponse
	if err := proto.Unmarshal(sent.Materialize(), &got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, out.(*response).message) {
		t.Errorf("sent %v, want %v", &got, out.(*response).message)
	}
}
