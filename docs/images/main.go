// Command images photographs the running program for the README and the
// documents: it starts the quickstart in a folder of its own, signs both people
// in with Chromium, and writes one PNG for each picture beside this file.
//
//	make build
//	go run ./docs/images -program bin/cardea
//	go run ./docs/images -program bin/cardea -only device
//
// Ports 8443 and 28080 must be free. The pages use the system's font, so the
// pictures look as this machine does. No password is on any of them.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	engineer      = "engineer@example.com"
	administrator = "admin@example.com"
)

// A picture is one page as one person sees it.
type picture struct {
	file   string
	person string // "" is nobody
	url    string
	width  int64
	height int64
	scheme string
	ready  string // what is there once the page is
	// before is done first, also where the picture is not wanted; nil is nothing.
	before func(tab context.Context) error
}

var pictures = []picture{
	{"sign-in", "", "https://verify.localhost:8443/", 1100, 720, "light", `input[type="password"]`, nil},
	{"verify", engineer, "https://verify.localhost:8443/", 1100, 1080, "light", "main h1", nil},
	{"device-register", engineer, "https://device.localhost:8443/", 1100, 860, "light", registerForm, nil},
	{"device-450-phone", engineer, "https://approved.localhost:8443/", 390, 844, "dark", "main h1", enroll},
	{"device-own", engineer, "https://authenticate.localhost:8443/.pomerium/devices", 1100, 760, "light", ".cards", nil},
	{"device-console", administrator, "https://console.localhost:8443/devices", 1100, 720, "light", "table.data", nil},
	{"device-enrollment", administrator, "", 1100, 860, "dark", "form.ask", choose},
	{"routes", administrator, "https://verify.localhost:8443/.pomerium/routes", 1100, 720, "dark", "main h1", nil},
	{"session-phone", administrator, "https://verify.localhost:8443/.pomerium/", 390, 844, "dark", "main h1", nil},
	{"routes-phone", administrator, "https://verify.localhost:8443/.pomerium/routes", 390, 844, "light", "main h1", nil},
	{"denied-phone", engineer, "https://admin.localhost:8443/", 390, 844, "light", "main h1", deny},
}

func main() {
	program := flag.String("program", "bin/cardea", "the program, with Envoy inside")
	config := flag.String("config", "docs/quickstart/config.yaml", "what it serves")
	out := flag.String("out", "docs/images", "where the pictures go")
	only := flag.String("only", "", "how the names of the wanted pictures begin")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := run(ctx, *program, *config, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, config, out, only string) error {
	folder, err := os.MkdirTemp("", "cardea-images-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // temporary files
	passwords, stop, err := start(ctx, program, config, folder)
	if err != nil {
		return err
	}
	defer stop()
	for i, person := range []string{"", engineer, administrator} {
		if err := photographAll(ctx, filepath.Join(folder, fmt.Sprint("profile", i)), person, passwords[person], out, only); err != nil {
			return err
		}
	}
	return nil
}

// start runs the program on a fresh data folder and returns the passwords that
// it made, by e-mail.
func start(ctx context.Context, program, config, folder string) (passwords map[string]string, stop func(), err error) {
	path, err := filepath.Abs(program)
	if err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(folder, "config.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, nil, err
	}
	tests := strings.TrimSuffix(config, ".yaml") + "_test.yaml"
	if text, err = os.ReadFile(tests); err == nil { // there need not be any
		err = os.WriteFile(filepath.Join(folder, "config_test.yaml"), text, 0o600)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, path, "serve", "--config", file)
	cmd.Dir = folder // data_dir of the quickstart is relative to it
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	words, err := cmd.StderrPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone
		_ = cmd.Wait()
	}
	passwords = make(map[string]string)
	for lines := bufio.NewScanner(words); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 2 && (fields[0] == engineer || fields[0] == administrator) {
			passwords[fields[0]] = fields[1]
		}
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			return passwords, stop, nil
		}
	}
	stop()
	return nil, nil, errors.New("the program ended before it was ready")
}

// photographAll takes the pictures of one person, in a browser of their own.
func photographAll(ctx context.Context, profile, person, password, out, only string) error {
	allocated, end := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.UserDataDir(profile), chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true))...)
	defer end()
	tab, leave := chromedp.NewContext(allocated)
	defer leave()
	if person != "" {
		err := chromedp.Do(tab,
			chromedp.Navigate("https://verify.localhost:8443/"), chromedp.WaitVisible(`input[type="password"]`),
			chromedp.SendKeys(`input[type="email"]`, person),
			chromedp.SendKeys(`input[type="password"]`, password),
			chromedp.Click("form button"), chromedp.WaitVisible("main table"))
		if err != nil {
			return fmt.Errorf("sign %s in: %w", person, err)
		}
	}
	for _, p := range slices.Concat(pictures, consolePictures) {
		if p.person != person {
			continue
		}
		if p.before != nil {
			if err := p.before(tab); err != nil {
				return fmt.Errorf("before %s: %w", p.file, err)
			}
		}
		if !strings.HasPrefix(p.file, only) {
			continue
		}
		if err := photograph(tab, p, filepath.Join(out, p.file+".png")); err != nil {
			return fmt.Errorf("photograph %s: %w", p.file, err)
		}
	}
	return nil
}

func photograph(tab context.Context, p picture, file string) error {
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: p.scheme}}}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, media); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(p.width, p.height, chromedp.EmulateScale(1.5))); err != nil {
		return err
	}
	if p.url != "" { // else it is the page that came before
		if err := chromedp.Do(tab, chromedp.Navigate(p.url)); err != nil {
			return err
		}
	}
	if err := chromedp.Do(tab, chromedp.WaitVisible(chromedp.CSS(p.ready))); err != nil {
		return err
	}
	photo, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(file, photo, 0o644)
}
