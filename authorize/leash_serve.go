package authorize

import (
	"errors"
	"io"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RegisterLeashes adds the service that holds long-lived streams
// (envoy.service.ext_proc.v3.ExternalProcessor) to a gRPC server. It wants one of
// its own: a worker of the one that decides would be kept as long as a stream.
func (s *Server) RegisterLeashes(to grpc.ServiceRegistrar) {
	extprocv3.RegisterExternalProcessorServer(to, leashService{server: s})
}

type leashService struct {
	extprocv3.UnimplementedExternalProcessorServer
	server *Server
}

// Process holds one stream. An error resets the HTTP stream, nil lets it go on
// by itself: nil is for one that is over.
func (h leashService) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	l, err := h.server.hold(stream)
	if l == nil || err != nil {
		return err
	}
	defer h.server.leashes.drop(l, reasonClosed)
	// The goroutine ends with the stream, which ends with this call.
	over := make(chan error, 1)
	go func() { over <- answerTrailers(stream) }()
	select {
	case err := <-over:
		return err
	case <-l.ended:
		return l.parting()
	}
}

// parting is the error that ends the stream of l.
func (l *leash) parting() error {
	if l.why == reasonStopping {
		return status.Error(codes.Unavailable, l.why)
	}
	return status.Error(codes.PermissionDenied, l.why)
}

// hold takes the first message of a stream and decides about it once more: what
// has changed since its first decision was told to nobody. It returns nil where
// there is nothing to decide: a path of ours, or what Envoy answers by itself.
// That goes on, and keeps the bound of whatever is not held.
func (s *Server) hold(stream extprocv3.ExternalProcessor_ProcessServer) (*leash, error) {
	in, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	wire, session, err := readFacts(in)
	if err != nil {
		s.leashes.refuse()
		s.log.Error().Err(err).Str("request_id", requestIDOf(in)).Msg("long-lived stream refused")
		return nil, status.Error(codes.InvalidArgument, "no facts")
	}
	if wire == "" {
		return nil, stream.Send(goOnBounded)
	}
	l := &leash{wire: wire, session: session, began: s.now(), ended: make(chan struct{})}
	if !s.leashes.take(l) {
		s.log.Warn().Str("request_id", requestIDOf(in)).Msg("long-lived stream refused: too many are held, or authorize stops")
		return nil, status.Error(codes.ResourceExhausted, "no room")
	}
	s.decideAgain(stream.Context(), l)
	select {
	case <-l.ended:
		return nil, l.parting()
	default:
	}
	if err := stream.Send(goOn); err != nil {
		s.leashes.drop(l, reasonClosed)
		return nil, err
	}
	return l, nil
}

// goOn lets the request pass, without the bound that Envoy set on it.
var goOn = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
	RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{
		HeaderMutation: &extprocv3.HeaderMutation{RemoveHeaders: []string{headerBound}},
	}},
}}

// goOnBounded lets it pass as it is.
var goOnBounded = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
	RequestHeaders: &extprocv3.HeadersResponse{},
}}

// trailersPass lets the trailers of the answer pass.
var trailersPass = &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseTrailers{
	ResponseTrailers: &extprocv3.TrailersResponse{},
}}

// answerTrailers hears what Envoy says: that there are trailers, which is nearly
// the end. It returns nil when Envoy has nothing more to say, because the HTTP
// stream is over.
func answerTrailers(stream extprocv3.ExternalProcessor_ProcessServer) error {
	for {
		in, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case in.GetResponseTrailers() == nil:
			return status.Error(codes.InvalidArgument, "what was not asked for")
		}
		if err := stream.Send(trailersPass); err != nil {
			return err
		}
	}
}

// requestIDOf returns the id of the request that a leash is about.
func requestIDOf(in *extprocv3.ProcessingRequest) string {
	for _, h := range in.GetRequestHeaders().GetHeaders().GetHeaders() {
		if h.GetKey() == "x-request-id" {
			return headerValue(h)
		}
	}
	return ""
}

// headerValue is the value of a header, which is in one of two fields.
func headerValue(h *corev3.HeaderValue) string {
	if raw := h.GetRawValue(); len(raw) > 0 {
		return string(raw)
	}
	return h.GetValue()
}
