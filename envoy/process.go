package envoy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

const (
	// settled is how long an Envoy must have lived for its end to count as a
	// first one again.
	settled = 30 * time.Second
	// The pauses before the second restart in a row and the longest one; the
	// first restart has none.
	firstPause, longestPause = 200 * time.Millisecond, 5 * time.Second
	// hopeless is how many starts may fail before the first success. After
	// that Run gives up: it is the installation that is wrong.
	hopeless = 3
	// defaultDrain is how long requests under way may take to end.
	defaultDrain = 10 * time.Second
)

// Options are the parts a Process is built from. Fields are required unless
// said otherwise.
type Options struct {
	Path          string // the executable, from Find
	Dir           string // private folder (0700) for the bootstrap and the admin socket
	ControlSocket string // unix socket on which the ADS is served

	// AccessLog takes what Envoy writes to its standard output, in whole
	// lines. It must bear writes from several goroutines and should be what
	// Log writes to as well, such as one zerolog.SyncWriter.
	AccessLog io.Writer
	// Log takes what we say about Envoy, and Envoy's own log lines. Those are
	// written whatever the level of Log is: LogLevel has chosen them.
	Log zerolog.Logger

	LogLevel           string        // proxy_log_level; "" means info
	AdminAddress       string        // envoy_admin_address, host:port; "" keeps the admin interface on a private socket
	AdminAccessLogPath string        // envoy_admin_access_log_path; "" means /dev/null
	AdminProfilePath   string        // envoy_admin_profile_path; "" means /dev/null
	Concurrency        int           // worker threads; 0 means GOMAXPROCS
	HeapLimit          uint64        // bytes at which Envoy sheds load; 0 means three quarters of the memory we may use
	DrainTime          time.Duration // longest wait for requests under way at the end; 0 means 10 s
}

// Process is one Envoy, started again whenever it dies.
type Process struct {
	options   Options
	bootstrap bootstrap
	admin     admin
	log       zerolog.Logger
	wasReady  atomic.Bool
	restarts  atomic.Uint64
	pid       atomic.Int64
}

// New checks the options. It starts nothing and writes nothing.
func New(o Options) (*Process, error) {
	if o.Path == "" || o.Dir == "" || o.ControlSocket == "" || o.AccessLog == nil {
		return nil, errors.New("envoy: Path, Dir, ControlSocket and AccessLog are required")
	}
	if o.Concurrency == 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	if o.HeapLimit == 0 {
		o.HeapLimit = memoryLimit() / 4 * 3
	}
	if o.DrainTime == 0 {
		o.DrainTime = defaultDrain
	}
	p := &Process{options: o, log: o.Log.With().Str("service", "envoy").Logger()}
	p.bootstrap = bootstrap{
		ControlSocket:      o.ControlSocket,
		AdminSocket:        filepath.Join(o.Dir, "admin.sock"),
		AdminAddress:       o.AdminAddress,
		AdminAccessLogPath: o.AdminAccessLogPath,
		AdminProfilePath:   o.AdminProfilePath,
		HeapLimit:          o.HeapLimit,
	}
	if _, err := p.bootstrap.render(); err != nil {
		return nil, fmt.Errorf("envoy: %w", err)
	}
	p.admin = newAdmin("unix", p.bootstrap.AdminSocket)
	if o.AdminAddress != "" {
		p.admin = newAdmin("tcp", o.AdminAddress)
	}
	return p, nil
}

// Run keeps an Envoy running until ctx ends, then drains and stops it and
// returns nil. What answers for its requests must still be there until then.
//
// The first restart after a death is immediate, later ones wait longer. It
// returns an error only if Envoy cannot be started at all.
func (p *Process) Run(ctx context.Context) error {
	text, err := p.bootstrap.render()
	if err != nil {
		return fmt.Errorf("envoy: %w", err)
	}
	if err := os.WriteFile(p.bootstrapPath(), text, 0o600); err != nil {
		return fmt.Errorf("envoy: write bootstrap: %w", err)
	}
	if err := raiseFileLimit(); err != nil {
		p.log.Warn().Err(err).Msg("open files stay limited")
	}
	for deaths := 0; ; {
		started := time.Now()
		end := p.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(started) >= settled {
			deaths = 0
		}
		deaths++
		if !p.wasReady.Load() && deaths >= hopeless {
			return fmt.Errorf("envoy does not start: %w", end)
		}
		wait := pause(deaths)
		p.restarts.Add(1)
		p.log.Error().Err(end).Int("deaths", deaths).Dur("wait_ms", wait).Msg("envoy ended, starting it again")
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// Ready waits until Envoy serves a first configuration, or ctx ends.
func (p *Process) Ready(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !p.admin.ready(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for envoy: %w", ctx.Err())
		}
	}
	return nil
}

// Healthy reports whether Envoy answers now and serves.
func (p *Process) Healthy(ctx context.Context) bool { return p.admin.ready(ctx) }

// Restarts returns how many times a dead Envoy was replaced.
func (p *Process) Restarts() uint64 { return p.restarts.Load() }

// PID returns the process id of the running Envoy, 0 while there is none.
func (p *Process) PID() int { return int(p.pid.Load()) }

// Metrics writes Envoy's statistics in the Prometheus text format, those that
// were never counted left out.
func (p *Process) Metrics(ctx context.Context, w io.Writer) error {
	return p.admin.ask(ctx, http.MethodGet, "/stats/prometheus?usedonly", w)
}

// SetLogLevel changes the level of the running Envoy, in the words of
// proxy_log_level. A restarted Envoy begins at Options.LogLevel again.
func (p *Process) SetLogLevel(ctx context.Context, level string) error {
	return p.admin.ask(ctx, http.MethodPost, "/logging?level="+envoyLevel(level), io.Discard)
}

func (p *Process) bootstrapPath() string { return filepath.Join(p.options.Dir, "bootstrap.yaml") }

// once starts Envoy and returns when it has ended, on its own or because ctx
// did. The error says why it ended.
func (p *Process) once(ctx context.Context) error {
	if p.options.AdminAddress == "" {
		// A socket left by one that was killed would be in the way.
		if err := os.Remove(p.bootstrap.AdminSocket); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	child, ended := p.spawn()
	if child == nil {
		return <-ended
	}
	p.pid.Store(int64(child.Pid))
	defer p.pid.Store(0)

	watch, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if p.Ready(watch) == nil {
			p.wasReady.Store(true)
			p.log.Info().Int("pid", child.Pid).Msg("envoy is ready")
		}
	})
	defer watching.Wait()
	defer stop()

	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		stop()
		// ctx has ended, but its end is what we serve here.
		return p.drain(context.WithoutCancel(ctx), child, ended)
	}
}

// spawn starts Envoy and returns it with a channel that tells its end. It
// returns nil if there was no start; the channel says why.
//
// The kernel ties the death signal to the thread that started the child, not
// to the process. So one goroutine keeps one thread from the start to the end.
func (p *Process) spawn() (*os.Process, <-chan error) {
	started := make(chan *os.Process, 1)
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		command := p.command()
		var last string
		var copying sync.WaitGroup
		out, err1 := command.StdoutPipe()
		complaints, err2 := command.StderrPipe()
		if err := errors.Join(err1, err2, command.Start()); err != nil {
			started <- nil
			ended <- fmt.Errorf("start envoy: %w", err)
			return
		}
		started <- command.Process
		copying.Go(func() {
			if err := copyLines(p.options.AccessLog, out); err != nil {
				p.log.Error().Err(err).Msg("access log lost")
				io.Copy(io.Discard, out) // or Envoy would block on a full pipe
			}
		})
		copying.Go(func() { last = relay(p.log, complaints) })
		copying.Wait()
		ended <- endOf(command.Wait(), last)
	}()
	return <-started, ended
}

// endOf words the end of a process that nobody asked to end.
func endOf(err error, last string) error {
	if err == nil {
		err = errors.New("exit status 0")
	}
	if last == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, last)
}

// command is how Envoy is called. Its environment is empty: ours may hold
// secrets of the configuration.
func (p *Process) command() *exec.Cmd {
	drain := max(1, int(p.options.DrainTime/time.Second))
	command := exec.Command(p.options.Path,
		"--config-path", p.bootstrapPath(),
		"--concurrency", strconv.Itoa(p.options.Concurrency),
		"--disable-hot-restart",
		"--reject-unknown-dynamic-fields",
		"--drain-strategy", "immediate",
		"--drain-time-s", strconv.Itoa(drain),
		"--file-flush-interval-msec", "1000",
		"--log-level", envoyLevel(p.options.LogLevel),
		"--log-format", logFormat,
	)
	command.Env = []string{}
	command.Dir = p.options.Dir
	command.SysProcAttr = childAttributes()
	return command
}

// pause returns how long to wait before the restart after so many deaths.
func pause(deaths int) time.Duration {
	if deaths <= 1 {
		return 0
	}
	wait := firstPause
	for range deaths - 2 {
		if wait *= 2; wait >= longestPause {
			return longestPause
		}
	}
	return wait
}

// raiseFileLimit lets Envoy open as many files as the system allows us. Go
// raises the limit for itself and gives children the old one back, often 1024,
// unless it is set by hand.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
