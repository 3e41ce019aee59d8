package xds

import (
	"errors"

	"github.com/cardea-proxy/cardea/config"
)

// An Input is everything that a snapshot is made from.
type Input struct {
	Config *config.Config
	// Certificates of the https listener; the first answers names that no
	// other covers. At least one, unless Config.InsecureServer.
	Certificates []*config.Certificate
	// PolicyDigests are the digests of the compiled policies by route id. A
	// route without one is refused.
	PolicyDigests map[string]string
	// ErrorPages are tried in their order; none leaves Envoy's plain text.
	ErrorPages []ErrorPage
	Sockets    Sockets
	// SystemCA is the path of the system's trusted certificates, needed as
	// soon as one upstream is verified against them.
	SystemCA string
	// SystemTrust is the content of that file. It is joined to the authorities
	// of Config.UpstreamCA, which stand beside the system's.
	SystemTrust []byte
	// IPv4Only says that the machine has no IPv6: an address without a host is
	// then 0.0.0.0 and not [::].
	IPv4Only bool
}

// Sockets are the paths of our own unix sockets.
type Sockets struct {
	Control string // gRPC: ext_authz
	Leash   string // gRPC: ext_proc, one stream for each stream that may last
	HTTP    string // HTTP/1.1: pages
	Verify  string // HTTP/1.1: the built-in upstream
	Console string // HTTP/2: the console
}

// An ErrorPage is what Envoy answers when it fails by itself. The texts may
// hold Envoy's format operators, such as %RESPONSE_CODE%; a "%" of their own is
// written "%%". An empty text leaves that form as it is.
type ErrorPage struct {
	Statuses []uint32 // empty means all that no earlier page took
	HTML     string
	// HTMLHeader goes with the HTML form, such as its Content-Security-Policy.
	HTMLHeader map[string]string
	JSON       string // served as application/problem+json
	Plain      string
}

// check refuses an input that no snapshot can be made from.
func (in *Input) check() error {
	switch {
	case in.Config == nil:
		return errors.New("no configuration")
	case in.Sockets.Control == "" || in.Sockets.Leash == "" || in.Sockets.HTTP == "":
		return errors.New("no sockets for control, leash and pages")
	case len(in.Certificates) == 0 && !in.Config.InsecureServer:
		return errors.New("no certificate for the listener")
	}
	return nil
}
