package e2e

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// An instance is one installation: a configuration, a data folder, and the
// program when it runs.
type instance struct {
	dir     string // holds everything, the working directory of the program
	file    string // the configuration
	address string // host:port of the main listener
	port    string
	health  string // host:port of the health pages
	env     []string
	roots   *x509.CertPool // nil means those of the local authority

	cmd    *exec.Cmd
	logs   *output // standard output
	words  *output // standard error: what a person at a terminal reads
	ended  chan struct{}
	result error // of the process, once ended is closed
}

// ports hands out ports below those that the kernel gives to outgoing
// connections, each once in a run.
var ports struct {
	sync.Mutex
	next int
}

// freePort returns a port of loopback that nothing listens on.
func freePort(t testing.TB) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.next == 0 {
		ports.next = 20000 + os.Getpid()*97%12000 // fuzzing runs several processes at once
	}
	for range 1000 {
		ports.next++
		if ports.next >= 32000 {
			ports.next = 20000
		}
		port := strconv.Itoa(ports.next)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal("no free port")
	return ""
}

// install prepares an installation. In the configuration, $PORT stands for the
// port of the main listener and $DIR for the installation's folder, $HEALTH for the address of its health pages; address,
// data_dir and health_check_addr are added to it.
func install(t testing.TB, configuration string) *instance {
	t.Helper()
	// Not t.TempDir: the shared instance outlives its first test.
	dir, err := os.MkdirTemp("", "cardea-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	in := &instance{dir: dir, file: filepath.Join(dir, "config.yaml"), port: freePort(t)}
	in.address = net.JoinHostPort("127.0.0.1", in.port)
	in.health = net.JoinHostPort("127.0.0.1", freePort(t))
	in.write(t, configuration)
	return in
}

// launch installs and starts, and takes everything away when the test ends.
func launch(t testing.TB, configuration string) *instance {
	t.Helper()
	in := install(t, configuration)
	t.Cleanup(in.remove)
	in.start(t)
	return in
}

// complete fills in what install promises.
func (in *instance) complete(configuration string) string {
	text := strings.NewReplacer("$PORT", in.port, "$DIR", in.dir, "$HEALTH", in.health).Replace(configuration)
	for key, value := range map[string]string{
		"address": in.address, "data_dir": filepath.Join(in.dir, "data"), "health_check_addr": in.health,
	} {
		if !strings.HasPrefix(text, key+":") && !strings.Contains(text, "\n"+key+":") {
			text = key + ": " + value + "\n" + text
		}
	}
	return text
}

// write puts a configuration in place of the one before, whole at once.
func (in *instance) write(t testing.TB, configuration string) {
	t.Helper()
	in.writeFile(t, "config.yaml", in.complete(configuration))
}

// writeFile puts a file into the installation's folder, whole at once, and
// returns its path.
func (in *instance) writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(in.dir, name)
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// begin starts the program and waits for nothing.
func (in *instance) begin(t testing.TB) {
	t.Helper()
	envoy, err := findEnvoy()
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	if in.file != "" {
		args = []string{"--config", in.file}
	}
	in.cmd = exec.Command(built, args...)
	in.cmd.Dir = in.dir
	in.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + in.dir, "TMPDIR=" + os.TempDir(), "CARDEA_ENVOY=" + envoy,
	}, in.env...)
	in.cmd.SysProcAttr = diesWithUs()
	in.logs, in.words = newOutput(), newOutput()
	in.cmd.Stdout, in.cmd.Stderr = in.logs, in.words
	in.cmd.WaitDelay = 5 * time.Second // a surviving child would hold the pipes
	if err := in.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	in.ended = ended
	go func(cmd *exec.Cmd) {
		in.result = cmd.Wait()
		close(ended)
	}(in.cmd)
}

// start starts the program and waits until it serves.
func (in *instance) start(t testing.TB) {
	t.Helper()
	in.begin(t)
	in.awaitReady(t)
}

// awaitReady waits until it says that it serves.
func (in *instance) awaitReady(t testing.TB) {
	t.Helper()
	in.words.await(t, 0, `"Ctrl-C stops"`, in.ended, func(line string) bool { return strings.HasPrefix(line, "Ctrl-C stops") })
}

// tail is the end of the logs, for messages.
func (in *instance) tail() string {
	lines, _ := in.logs.since(0)
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// wait returns the exit code once the process has ended.
func (in *instance) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-in.ended:
	case <-time.After(patience):
		t.Fatalf("still running:\n%s\n%s", in.tail(), in.words.text())
	}
	var exit *exec.ExitError
	if in.result != nil && !errors.As(in.result, &exit) {
		t.Fatalf("wait: %v", in.result) // such as a child that holds the pipes
	}
	return in.cmd.ProcessState.ExitCode()
}

// signal sends one to the program alone.
func (in *instance) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := in.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop ends the program as an operator does.
func (in *instance) stop(t testing.TB) {
	t.Helper()
	in.signal(t, syscall.SIGTERM)
	if code := in.wait(t); code != 0 {
		t.Fatalf("exit code %d after SIGTERM:\n%s\n%s", code, in.tail(), in.words.text())
	}
}

// remove ends what still runs and deletes the installation.
func (in *instance) remove() {
	if in.cmd != nil && in.cmd.Process != nil {
		_ = in.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-in.ended:
		case <-time.After(patience):
			_ = in.cmd.Process.Kill()
			<-in.ended
		}
	}
	_ = os.RemoveAll(in.dir)
}

// envoyPID returns the process id of the Envoy that said behind from that it is
// ready.
func (in *instance) envoyPID(t testing.TB, from int) int {
	t.Helper()
	line := in.logs.awaitLog(t, from, in.ended, "message", "envoy is ready")
	pid, _ := line["pid"].(float64)
	if pid < 2 {
		t.Fatalf("no process id in %v", line)
	}
	return int(pid)
}

// awaitGone waits until a process has ended.
func awaitGone(t testing.TB, pid int) {
	t.Helper()
	eventually(t, 10*time.Second, fmt.Sprintf("end of process %d", pid), func() error {
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
			return nil
		}
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z ") {
			return nil // ended, and nobody has asked how: its parent was killed
		}
		return errors.New("it lives")
	})
}

// authority returns the certificates that clients of this installation trust.
func (in *instance) authority(t testing.TB) *x509.CertPool {
	t.Helper()
	if in.roots != nil {
		return in.roots
	}
	pem, err := os.ReadFile(filepath.Join(in.dir, "data", "authority", "local-ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the local authority is no certificate")
	}
	return pool
}
