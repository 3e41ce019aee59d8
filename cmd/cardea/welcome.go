package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/cardea-proxy/cardea/config"
)

// revealed holds made passwords until they have been shown.
type revealed struct {
	mu   sync.Mutex
	list []credential
}

type credential struct{ email, password string }

func (r *revealed) add(email, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, credential{email, password})
}

func (r *revealed) take() []credential {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// welcome tells a person at a terminal where to go. It is no log: what is shown
// here once is shown nowhere else.
func (h *house) welcome(cfg *config.Config, w io.Writer) {
	var b strings.Builder
	b.WriteString("\nCardea is ready.\n")
	if routes := addresses(cfg); len(routes) > 0 {
		b.WriteString("\nOpen\n")
		for _, line := range routes {
			b.WriteString("  " + line + "\n")
		}
	}
	if made := h.revealed.take(); len(made) > 0 {
		b.WriteString("\nPasswords made just now. They are shown this once and kept only as hashes:\n")
		for _, c := range made {
			fmt.Fprintf(&b, "  %-28s %s\n", c.email, c.password)
		}
	}
	if usesLocalAuthority(cfg) {
		b.WriteString("\nBrowsers do not know this installation's certificate authority. In another\nterminal, \"cardea trust\" with the same --config tells them; \"cardea untrust\" undoes it.\n")
	}
	b.WriteString("\nCtrl-C stops.\n\n")
	_, _ = io.WriteString(w, b.String()) // nobody may be there to read it
}

// listeningPort is the port of the listener that r is on; "" is that of https.
func listeningPort(cfg *config.Config, r *config.Route) string {
	address := cfg.Address
	if r.Console && cfg.ConsoleApart() {
		address = cfg.Console.Address
	}
	port := address[strings.LastIndexByte(address, ':')+1:] // the loader has seen to a host:port
	if port == "443" {
		return ""
	}
	return port
}

// addresses lists the first routes as a person reads them.
func addresses(cfg *config.Config) []string {
	const enough = 12
	var lines []string
	for _, r := range cfg.Routes {
		from := r.From
		if from.Port == "" {
			from.Port = listeningPort(cfg, r)
		}
		line := strings.TrimRight(fmt.Sprintf("%-44s %s", from, r.Description), " ")
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
		if len(lines) == enough {
			return append(lines, "...")
		}
	}
	return lines
}
