package authorize

import (
	"context"
	"fmt"
	"sync"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec for everything else
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// A response is an answer to Envoy. It may be sent many times at once and is
// never changed.
type response struct {
	message *authv3.CheckResponse // nil: the bytes say it
	wire    []byte                // the message in bytes, where they are at hand; or nil
	bare    *response             // the same for a request that loses its Cookie header; or nil
}

// ready returns a response that lets through and is sent often: its bytes are
// made once. A message that has none, because some text in it is not UTF-8,
// cannot be sent.
func ready(message *authv3.CheckResponse) *response {
	wire, err := proto.Marshal(message)
	if err != nil {
		return &response{message: message} // sending it will say what is wrong
	}
	bare := proto.Clone(message).(*authv3.CheckResponse)
	bare.GetOkResponse().HeadersToRemove = []string{"cookie"}
	without, err := proto.Marshal(bare)
	if err != nil {
		return &response{message: message}
	}
	return &response{message: message, wire: wire, bare: &response{message: bare, wire: without}}
}

// An exchange is one question on its way. Exchanges are used again, to spare
// making their parts.
type exchange struct {
	request request
	entry   auditEntry

	recorded Recorded
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// newExchange returns one that holds nothing.
func newExchange() *exchange { return exchanges.Get().(*exchange) }

// maxKeptHeaders bounds what an exchange keeps room for.
const maxKeptHeaders = 128

// done gives x back. Nothing of it may be used any more.
func (x *exchange) done() {
	headers := x.request.headers
	clear(headers) // they hold on to the bytes of the question
	if cap(headers) > maxKeptHeaders {
		headers = nil
	}
	x.request, x.entry = request{headers: headers[:0]}, auditEntry{}
	recorded := x.recorded.Headers
	clear(recorded)
	x.recorded = Recorded{Headers: recorded[:0]}
	exchanges.Put(x)
}

// Register adds the service to a gRPC server. The server must have been made
// with grpc.ForceServerCodecV2(Codec()).
func (s *Server) Register(to grpc.ServiceRegistrar) {
	description := authv3.Authorization_ServiceDesc
	description.Methods = []grpc.MethodDesc{{MethodName: "Check", Handler: serveCheck}}
	to.RegisterService(&description, s)
}

func serveCheck(server any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	x := newExchange()
	defer x.done()
	if err := decode(x); err != nil {
		return nil, err
	}
	return server.(*Server).ask(ctx, x), nil
}

// Codec returns the codec of a gRPC server that answers Envoy: questions are
// read and answers written as Register expects, all other messages as usual.
func Codec() encoding.CodecV2 { return codec{encoding.GetCodecV2("proto")} }

type codec struct{ encoding.CodecV2 }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	x, ok := v.(*exchange)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	return x.request.readMessage(string(buffer.ReadOnlyData()))
}

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	r, ok := v.(*response)
	switch {
	case !ok:
		return c.CodecV2.Marshal(v)
	case r.wire != nil:
		return mem.BufferSlice{mem.SliceBuffer(r.wire)}, nil
	}
	return c.CodecV2.Marshal(r.message)
}

// Check answers one question of Envoy's (envoy.service.auth.v3.Authorization).
// It is the service for who has the messages at hand; Envoy's come another way
// (see Register), and are decided by the same code.
func (s *Server) Check(ctx context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	wire, err := proto.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("read the question: %w", err)
	}
	x := newExchange()
	defer x.done()
	if err := x.request.readMessage(string(wire)); err != nil {
		return nil, err
	}
	out := s.ask(ctx, x)
	if out.message != nil {
		return out.message, nil
	}
	message := new(authv3.CheckResponse)
	if err := proto.Unmarshal(out.wire, message); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return message, nil
}
