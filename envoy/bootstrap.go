package envoy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"text/template"
)

//go:embed bootstrap.yaml
var bootstrapText string

// maxSocketPath is the longest path of a unix socket in bytes: sun_path is 104
// on macOS and 108 on Linux, with a final zero.
const maxSocketPath = 103

// maxConnections bounds the client connections of all listeners together.
const maxConnections = 50_000

// bootstrap holds what bootstrap.yaml leaves open.
type bootstrap struct {
	ControlSocket      string // where we serve ADS
	AdminSocket        string // where Envoy serves its admin interface
	AdminAddress       string // host:port instead of the socket; "" is the socket
	AdminHost          string // derived from AdminAddress
	AdminPort          uint16 // derived from AdminAddress
	AdminAccessLogPath string // "" means /dev/null
	AdminProfilePath   string // "" means /dev/null
	MaxConnections     int    // 0 means maxConnections
	HeapLimit          uint64 // bytes; 0 leaves Envoy's memory unwatched
}

// render returns the bootstrap as YAML. Errors name the setting at fault.
func (b bootstrap) render() ([]byte, error) {
	for name, path := range map[string]string{"control": b.ControlSocket, "admin": b.AdminSocket} {
		if len(path) > maxSocketPath {
			return nil, fmt.Errorf("the path of the %s socket has %d bytes, more than the %d a unix socket may have: %q",
				name, len(path), maxSocketPath, path)
		}
	}
	if b.AdminAddress != "" {
		host, port, err := splitAddress(b.AdminAddress)
		if err != nil {
			return nil, fmt.Errorf("envoy_admin_address: %w", err)
		}
		b.AdminHost, b.AdminPort = host, port
	}
	if b.AdminAccessLogPath == "" {
		b.AdminAccessLogPath = os.DevNull
	}
	if b.AdminProfilePath == "" {
		b.AdminProfilePath = os.DevNull
	}
	if b.MaxConnections == 0 {
		b.MaxConnections = maxConnections
	}
	t, err := template.New("bootstrap.yaml").Funcs(template.FuncMap{"json": quote}).Parse(bootstrapText)
	if err != nil {
		return nil, fmt.Errorf("parse bootstrap: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, b); err != nil {
		return nil, fmt.Errorf("render bootstrap: %w", err)
	}
	return out.Bytes(), nil
}

// quote writes s as a JSON string, which is YAML too, whatever s holds.
func quote(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

// splitAddress takes host:port apart. An empty host means every interface, as
// it does for net.Listen.
func splitAddress(address string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("want host:port, have %q", address)
	}
	n, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("want a port number between 0 and 65535 in %q", address)
	}
	switch strings.ToLower(host) {
	case "":
		host = "0.0.0.0"
	case "localhost":
		// Envoy resolves no names here.
		host = "127.0.0.1"
	}
	return host, uint16(n), nil
}
