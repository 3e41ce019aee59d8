package authorize

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// By the time Envoy takes up a leash, the request has become what its upstream
// gets: our cookies are gone. So the answer to the first question carries the
// whole question as metadata, which stays with the stream inside Envoy, and the
// leash brings it back. No client can write there, and nothing has to be
// remembered here between the two: they may meet different replicas.
const (
	factsNamespace = "envoy.filters.http.ext_authz" // of what ext_authz is answered
	factsField     = "facts"
	sessionField   = "session"
)

// headerBound ends a stream after a time, however its client behaves. Envoy sets
// it on every request, and the leash takes it away (envoy/xds/filter_leash.go).
const headerBound = "x-envoy-upstream-stream-duration-ms"

// lasts reports whether Envoy will hold r on a leash. It looks for what Envoy
// looks for: where Envoy finds more, the leash has no facts and the request keeps
// its bound.
func (r *request) lasts() bool {
	if r.held || r.method == "CONNECT" {
		return true
	}
	if _, upgrade := r.headers.find("upgrade"); upgrade {
		return true
	}
	return strings.Contains(strings.ToLower(r.headers.get("content-type")), "grpc")
}

// withFacts returns out with the question that it answers, and with whose
// identity the upstream is told of; nil is nobody's.
func (r *request) withFacts(out *response, told *person) *response {
	facts := &structpb.Struct{Fields: map[string]*structpb.Value{
		// A text of protocol buffers is UTF-8, and a message is not.
		factsField: structpb.NewStringValue(base64.RawStdEncoding.EncodeToString([]byte(r.wire))),
	}}
	if told != nil {
		facts.Fields[sessionField] = structpb.NewStringValue(told.told())
	}
	if out.wire == nil {
		message := proto.Clone(out.message).(*authv3.CheckResponse)
		message.DynamicMetadata = facts
		return &response{message: message}
	}
	more, err := proto.Marshal(&authv3.CheckResponse{DynamicMetadata: facts})
	if err != nil {
		return out // without facts the leash is refused
	}
	return &response{wire: slices.Concat(out.wire, more)} // merged, as in clean.go
}

// errFacts is why a leash is refused that does not say what it is about.
var errFacts = errors.New("the leash does not say what it is about")

// readFacts returns what withFacts said about the request of a leash; nothing
// where it was not asked, and for a request that had no look of lasting.
func readFacts(in *extprocv3.ProcessingRequest) (wire, session string, err error) {
	facts, said := in.GetMetadataContext().GetFilterMetadata()[factsNamespace]
	if !said {
		return "", "", nil
	}
	fields := facts.GetFields()
	plain, err := base64.RawStdEncoding.DecodeString(fields[factsField].GetStringValue())
	if err != nil || len(plain) == 0 {
		return "", "", errFacts
	}
	return string(plain), fields[sessionField].GetStringValue(), nil
}
