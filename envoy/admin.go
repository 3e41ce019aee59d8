package envoy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// adminTimeout bounds one question to Envoy's admin interface. It is answered
// by Envoy's main thread, which a large configuration keeps busy for a while.
const adminTimeout = 5 * time.Second

// admin asks Envoy's admin interface, over the private socket or the address
// that the configuration chose.
type admin struct {
	client *http.Client
}

func newAdmin(network, address string) admin {
	var dialer net.Dialer
	return admin{client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		},
		// A kept connection would hold a socket of an Envoy that has died.
		DisableKeepAlives: true,
	}}}
}

// ask sends one request and copies the answer to w. path may have a query.
// A status other than 200 is an error.
func (a admin) ask(ctx context.Context, method, path string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	// Envoy wants some host; it plays no part.
	request, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, nil)
	if err != nil {
		return err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask envoy: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("ask envoy: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask envoy: %s answers %s", strings.SplitN(path, "?", 2)[0], response.Status)
	}
	return nil
}

// ready reports whether Envoy has a first configuration and serves.
func (a admin) ready(ctx context.Context) bool {
	return a.ask(ctx, http.MethodGet, "/ready", io.Discard) == nil
}

// busy returns how many client requests are under way, tunnels and upgraded
// connections among them.
func (a admin) busy(ctx context.Context) (int, error) {
	reader, writer := io.Pipe()
	defer reader.Close()
	go func() {
		writer.CloseWithError(a.ask(ctx, http.MethodGet,
			"/stats?filter="+url.QueryEscape(`^http\..*\.downstream_rq_active$`), writer))
	}()
	total := 0
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok || name == "http.admin.downstream_rq_active" {
			continue // the second is this very question
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return 0, fmt.Errorf("read envoy's statistics: %w", err)
		}
		total += n
	}
	return total, lines.Err()
}
