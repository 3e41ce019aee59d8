package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/seal"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// auditKey is the key that signs heads of the audit.
func auditKey(root []byte) ed25519.PrivateKey {
	seed := seal.Derive(root, "audit")
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicAuditKey(root []byte) ed25519.PublicKey {
	return auditKey(root).Public().(ed25519.PublicKey) // by its documentation
}

// openAudit builds the audit of the console.
func (h *house) openAudit(_ context.Context, _ *config.Config) (err error) {
	h.audit, err = audit.New(audit.Options{Broker: h.client, Key: auditKey(h.keys.root), Log: h.log})
	return err
}

// auditPage answers an administrator with a page of the audit.
func (h *house) auditPage(w http.ResponseWriter, r *http.Request) {
	q, err := auditQuery(r.URL.Query())
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	page, err := h.audit.Read(r.Context(), q)
	answerJSON(w, page, err)
}

// auditExport answers an administrator with all of the audit.
func (h *house) auditExport(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	if err := audit.WriteLines(w, h.audit.Export(r.Context())); err != nil {
		h.log.Warn().Err(err).Msg("the audit is not exported in full")
		panic(http.ErrAbortHandler) // else the reader takes what came for all there is
	}
}

// auditValues is a query as the socket takes it; auditQuery reads it.
func auditValues(q audit.Query) url.Values {
	v := url.Values{
		"actor": {q.Actor}, "action": {q.Action}, "object": {q.Object}, "subject": {q.Subject},
		"before": {strconv.FormatUint(q.Before, 10)}, "limit": {strconv.Itoa(q.Limit)}, "each": {strconv.FormatBool(q.Each)},
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return v
}

func auditQuery(v url.Values) (q audit.Query, err error) {
	q = audit.Query{Actor: v.Get("actor"), Action: v.Get("action"), Object: v.Get("object"), Subject: v.Get("subject"), Each: v.Get("each") == "true"}
	var problems [4]error
	number := func(name string) string {
		if s := v.Get(name); s != "" {
			return s
		}
		return "0"
	}
	moment := func(name string) (time.Time, error) {
		if v.Get(name) == "" {
			return time.Time{}, nil
		}
		return time.Parse(time.RFC3339Nano, v.Get(name))
	}
	q.Before, problems[0] = strconv.ParseUint(number("before"), 10, 64)
	q.Limit, problems[1] = strconv.Atoi(number("limit"))
	q.Since, problems[2] = moment("since")
	q.Until, problems[3] = moment("until")
	return q, errors.Join(problems[:]...)
}

// An auditSource is where a command reads the audit: a running instance, or a
// store that nobody has open.
type auditSource struct {
	page  func(context.Context, audit.Query) (audit.Page, error)
	lines func(context.Context) iter.Seq2[audit.Line, error]
	close func() error
}

// openAuditSource asks the instance of the configuration where one runs, and
// opens the store where none does.
func openAuditSource(ctx context.Context, cfg *config.Config, socket string) (*auditSource, error) {
	path := socket
	if path == "" {
		path = adminSocket(cfg)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close() // only a knock
		return runningAudit(path), nil
	}
	if socket != "" {
		return nil, fmt.Errorf("no instance answers on %s: %w", socket, err)
	}
	return restingAudit(ctx, cfg)
}

func runningAudit(socket string) *auditSource {
	client := newAdminClient(socket)
	return &auditSource{
		close: func() error { return nil },
		page: func(ctx context.Context, q audit.Query) (page audit.Page, err error) {
			body, err := client.get(ctx, "/v1/audit", auditValues(q))
			if err != nil {
				return page, err
			}
			defer func() { _ = body.Close() }() // only read from
			return page, json.NewDecoder(body).Decode(&page)
		},
		lines: func(ctx context.Context) iter.Seq2[audit.Line, error] {
			return func(yield func(audit.Line, error) bool) {
				body, err := client.get(ctx, "/v1/audit/export", nil)
				if err != nil {
					yield(audit.Line{}, err)
					return
				}
				defer func() { _ = body.Close() }() // only read from
				audit.ReadLines(body)(yield)
			}
		},
	}
}

func restingAudit(ctx context.Context, cfg *config.Config) (*auditSource, error) {
	h, end, err := openResting(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &auditSource{page: h.audit.Read, lines: h.audit.Export, close: end}, nil
}

// openResting opens the store of the configuration, which must be there: to look
// at an audit is no reason to make one.
func openResting(ctx context.Context, cfg *config.Config) (h *house, end func() error, err error) {
	if cfg.DatabrokerStorageType == "memory" {
		return nil, nil, errors.New("no instance runs, and with databroker_storage_type memory nothing is kept without one")
	}
	path, err := storePath(cfg)
	if err != nil {
		return nil, nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("no instance runs, and there is no store: %s is missing", path)
	}
	root, err := knownKey(cfg)
	if err != nil {
		return nil, nil, err
	}
	return openAlone(ctx, cfg, root)
}

// openAlone opens the store with nothing around it but the audit, until end is
// called.
func openAlone(ctx context.Context, cfg *config.Config, root []byte) (h *house, end func() error, err error) {
	h = &house{log: zerolog.Nop(), out: io.Discard, keys: keys{root: root}}
	if h.sockets, err = newSockets(); err != nil {
		return nil, nil, err
	}
	if err = h.openBroker(ctx, cfg); err == nil {
		err = h.openAudit(ctx, cfg)
	}
	if err != nil {
		h.close()
		return nil, nil, err
	}
	serving, stop := context.WithCancel(ctx)
	g, serving := errgroup.WithContext(serving)
	server := grpc.NewServer()
	h.broker.Register(server)
	end = func() error {
		stop()
		err := g.Wait()
		h.close()
		return err
	}
	if err := serveGRPC(serving, g, server, h.sockets.broker); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return h, end, nil
}

func auditCommand(env *viper.Viper, t terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Who did what in the console, and whether that was changed since", Args: cobra.NoArgs,
		Long: "Reads the audit of the console: from the running instance of --config, by its\n" +
			"administrator's socket, or from its store where none runs.",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().String("socket", "", "administrator's socket (default: in the data_dir of --config)")
	cmd.AddCommand(auditListCommand(env, t), auditExportCommand(env, t), auditVerifyCommand(env, t), auditKeyCommand(env, t), auditMendCommand(env, t))
	return cmd
}

// withAudit calls fn with the audit that the flags mean, and the configuration.
func withAudit(cmd *cobra.Command, env *viper.Viper, fn func(*config.Config, *auditSource) error) error {
	cfg, err := source(cmd, env).Load(cmd.Context())
	if err != nil {
		return err
	}
	socket, _ := cmd.Flags().GetString("socket") // declared on the command above
	from, err := openAuditSource(cmd.Context(), cfg, socket)
	if err == nil {
		err = errors.Join(fn(cfg, from), from.close())
	}
	if err != nil && !errors.Is(err, errAudit) {
		return fmt.Errorf("audit: %w", err)
	}
	return err
}
