package xds

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
)

// echo answers with its name and the request as it came.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Served-By", name)
		for _, cookie := range r.Header["X-Want-Set-Cookie"] {
			w.Header().Add("Set-Cookie", cookie)
		}
		if location := r.Header.Get("X-Want-Location"); location != "" {
			w.Header().Set("Location", location)
		}
		fmt.Fprintf(w, "%s %s %s\nServed-By: %s\nHost: %s\n", r.Method, r.RequestURI, r.Proto, name, r.Host)
		r.Header.Write(w)
		io.Copy(io.Discard, r.Body) // trailers come behind it
		for name, values := range r.Trailer {
			fmt.Fprintf(w, "Trailer-%s: %s\n", name, strings.Join(values, ","))
		}
	})
}

// upstream starts an upstream that echoes, and returns its host and port.
func upstream(t testing.TB, name string) string {
	t.Helper()
	return serve(t, echo(name))
}

func serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// h2cUpstream is upstream in HTTP/2 without TLS.
func h2cUpstream(t testing.TB) string {
	t.Helper()
	s := httptest.NewUnstartedServer(echo("h2c"))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Check implements ext_authz: yes, unless the test says otherwise.
func (h *house) Check(_ context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	h.mu.Lock()
	h.asked = append(h.asked, in)
	answer := h.answer
	h.mu.Unlock()
	if answer != nil {
		if out := answer(in); out != nil {
			return out, nil
		}
	}
	return allow(), nil
}

// onCheck sets what ext_authz answers; nil from it means yes.
func (h *house) onCheck(answer func(*authv3.CheckRequest) *authv3.CheckResponse) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = answer
}

// questions returns what ext_authz was asked since the last call.
func (h *house) questions() []*authv3.CheckRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := h.asked
	h.asked = nil
	return asked
}

// allow sets the given headers on the request: name, value, ...
func allow(headers ...string) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	for i := 0; i+1 < len(headers); i += 2 {
		ok.Headers = append(ok.Headers, option(headers[i], headers[i+1]))
	}
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// deny answers with a status, a body and headers.
func deny(status int, body string, headers ...string) *authv3.CheckResponse {
	denied := &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: typev3.StatusCode(status)}, Body: body}
	for i := 0; i+1 < len(headers); i += 2 {
		denied.Headers = append(denied.Headers, option(headers[i], headers[i+1]))
	}
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied},
	}
}

func option(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
	}
}
