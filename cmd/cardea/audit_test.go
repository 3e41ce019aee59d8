package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/proxy/console/audit"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
)

// TestAuditScripts are stories of the audit's commands. What stands in for the
// console and for somebody who tampers:
//
//	fill CONFIG N [LOG]   N changes, whose heads go to LOG
//	harm CONFIG ID        the record of an entry, or of the head, is deleted
//	serve CONFIG          an instance answers on the administrator's socket
func TestAuditScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/audit",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fill": func(ts *testscript.TestScript, _ bool, args []string) {
				h, end := alone(ts, args[0])
				n, err := strconv.Atoi(args[1])
				ts.Check(err)
				if len(args) > 2 {
					f, err := os.OpenFile(ts.MkAbs(args[2]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
					ts.Check(err)
					defer func() { ts.Check(f.Close()) }()
					h.log = zerolog.New(f).With().Timestamp().Logger()
					ts.Check(h.openAudit(context.Background(), nil))
				}
				for i := range n {
					ts.Check(h.audit.Change(context.Background(), approval(i), func(context.Context, map[string]string) error { return nil }))
				}
				ts.Check(end())
			},
			"harm": func(ts *testscript.TestScript, _ bool, args []string) {
				h, end := alone(ts, args[0])
				typ := "audit_entry"
				if args[1] == "head" {
					typ = "audit_head"
				}
				ts.Check(h.client.Remove(context.Background(), typ, args[1]))
				ts.Check(end())
			},
			"serve": func(ts *testscript.TestScript, _ bool, args []string) {
				h, end := alone(ts, args[0])
				ctx, stop := context.WithCancel(context.Background())
				g, ctx := errgroup.WithContext(ctx)
				ts.Check(h.serveAdmin(ctx, g, scriptConfig(ts, args[0])))
				ts.Defer(func() { stop(); ts.Check(g.Wait()); ts.Check(end()) })
			},
		},
	})
}

func approval(i int) audit.Entry {
	return audit.Entry{
		Actor:  audit.Actor{Name: "Ada", Email: "ada@example.com", UserKey: "idp/ada", Role: "admin", Via: audit.ViaWeb},
		Action: "device.approve", ObjectType: "device", ObjectID: fmt.Sprintf("d%d\x1b[31m", i), Subject: "idp/bob",
	}
}

func scriptConfig(ts *testscript.TestScript, file string) *config.Config {
	cfg, err := config.Load(context.Background(), config.Options{File: ts.MkAbs(file)})
	ts.Check(err)
	cfg.DataDir = ts.MkAbs(cfg.DataDir)
	return cfg
}

func alone(ts *testscript.TestScript, file string) (*house, func() error) {
	cfg := scriptConfig(ts, file)
	ts.Check(os.MkdirAll(cfg.DataDir, 0o700))
	root, err := sharedKey(cfg)
	ts.Check(err)
	h, end, err := openAlone(context.Background(), cfg, root)
	ts.Check(err)
	return h, end
}

func TestAuditQueriesTravelWhole(t *testing.T) {
	t.Parallel()
	for _, q := range []audit.Query{
		{},
		{
			Before: 1 << 63, Limit: 7, Actor: "a&b=c", Action: "device.", Object: "device/d/1", Subject: "idp/ä",
			Since: time.Date(2026, 11, 25, 1, 2, 3, 4, time.UTC), Until: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Each: true,
		},
	} {
		values, err := url.ParseQuery(auditValues(q).Encode())
		if err != nil {
			t.Fatal(err)
		}
		got, err := auditQuery(values)
		if diff := cmp.Diff(q, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for _, text := range []string{"before=-1", "limit=x", "since=today", "until=1"} {
		values, _ := url.ParseQuery(text)
		if _, err := auditQuery(values); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestNoNamePretendsToBeAColumn(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada@example.com": "ada@example.com", "Ada Lovelace": `"Ada Lovelace"`, "x\u00a0y": `"x\u00a0y"`,
		`"a"`: `"\"a\""`, "\x1b[2J": `"\x1b[2J"`, "a\u202eb": `"a\u202eb"`, "": "",
	} {
		if got := word(in); got != want {
			t.Errorf("word(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestTheProgramInTheDocumentAgrees runs the second program of docs/audit.md,
// which shares nothing with ours, on an export with hostile text.
func TestTheProgramInTheDocumentAgrees(t *testing.T) {
	t.Parallel()
	if exec.Command("python3", "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() != nil {
		t.Skip("no Python from 3.11 on")
	}
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "audit.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, file := filepath.Join(dir, "check.py"), filepath.Join(dir, "audit.jsonl")
	for _, f := range fences(string(document)) {
		if f.info == "python" {
			if err := os.WriteFile(program, []byte(f.body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	h, end, err := openAlone(t.Context(), &config.Config{Settings: config.Settings{DataDir: dir}}, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"Ada", "<script>&\u2028\"\\", "\xff\x00\U0001f511", ""} {
		e := approval(i)
		e.Actor.Name, e.Time = name, time.UnixMilli(1795634402000+int64(i)*10)
		e.Details = map[string]string{"\U0001f511": "astral", "\uffee": "below it in bytes, above it in UTF-16", "é": name, "": "x"}
		if err := h.audit.Refuse(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	var export bytes.Buffer
	if err := errors.Join(audit.WriteLines(&export, h.audit.Export(t.Context())), end()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ text, want string }{
		{export.String(), "4 entries"},
		{strings.Replace(export.String(), "astral", "Astral", 1), "entry 1 is wrong"},
		{export.String()[strings.Index(export.String(), "\n")+1:], "entry 2 is wrong"},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command("python3", program, file).CombinedOutput() // it ends with 1 where it finds something
		if got := strings.TrimSpace(string(out)); got != tc.want {
			t.Errorf("it says %q, want %q", got, tc.want)
		}
	}
}
