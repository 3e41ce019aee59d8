package envoy

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBootstrapIsTakenByEnvoy(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	base := bootstrap{ControlSocket: dir + "/control.sock", AdminSocket: dir + "/admin.sock"}
	with := func(change func(*bootstrap)) bootstrap {
		b := base
		change(&b)
		return b
	}
	for i, tc := range []struct {
		name string
		b    bootstrap
	}{
		{"the least", base},
		{"with a limit on the heap", with(func(b *bootstrap) { b.HeapLimit = 1 << 30 })},
		{"with an admin address", with(func(b *bootstrap) { b.AdminAddress = "127.0.0.1:9901" })},
		{"with an admin address on localhost", with(func(b *bootstrap) { b.AdminAddress = "localhost:9901" })},
		{"with an admin address on IPv6", with(func(b *bootstrap) { b.AdminAddress = "[::1]:9901" })},
		{"with files for the admin", with(func(b *bootstrap) {
			b.AdminAccessLogPath, b.AdminProfilePath = dir+"/admin \"log\"", dir+"/profile: {}"
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text, err := tc.b.render()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, fmt.Sprintf("%d.yaml", i))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), binary(t), "--mode", "validate", "--config-path", path,
				"--disable-hot-restart", "--log-level", "warning").CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, text)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "eprecated") {
					t.Errorf("Envoy warns: %s", line)
				}
			}
		})
	}
}

func TestBootstrapRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		b    bootstrap
		want string
	}{
		{"a socket path that is too long", bootstrap{ControlSocket: "/" + strings.Repeat("x", 103)}, "control socket has 104 bytes"},
		{"an admin address without a port", bootstrap{AdminAddress: "127.0.0.1"}, "envoy_admin_address: want host:port"},
		{"an admin address with a named port", bootstrap{AdminAddress: "127.0.0.1:http"}, "envoy_admin_address: want a port number"},
		{"an admin address with a port beyond all", bootstrap{AdminAddress: ":65536"}, "envoy_admin_address: want a port number"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := tc.b.render(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("render: %v, want %q in it", err, tc.want)
			}
		})
	}
}

func TestProbePorts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	free := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	if err := ProbePorts([]string{free}); err != nil {
		t.Errorf("a free port: %v", err)
	}
	if err := ProbePorts([]string{free}); err != nil {
		t.Errorf("it is not free after the probe: %v", err)
	}
	taken := l.Addr().String()
	if err := ProbePorts([]string{free, taken}); err == nil || !strings.Contains(err.Error(), taken+" is in use by another program") {
		t.Errorf("a port in use: %v", err)
	}
	if err := ProbePorts([]string{"192.0.2.1:0"}); err == nil || !strings.Contains(err.Error(), "does not have that address") {
		t.Errorf("an address of another machine: %v", err)
	}
}

// TestProbeSeesWhatReusePortHides: Envoy holds its ports with SO_REUSEPORT.
func TestProbeSeesWhatReusePortHides(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if err := h.ads.Apply(t.Context(), h.simple(t, application(t, "one", nil))); err != nil {
		t.Fatal(err)
	}
	if err := ProbePorts([]string{fmt.Sprintf("127.0.0.1:%d", h.port)}); err == nil {
		t.Error("a port that an Envoy listens on passes for free")
	}
}
