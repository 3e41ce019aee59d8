package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// consoleFlags are those of every command that asks a running instance over
// console.v1.
type consoleFlags struct {
	socket string
	json   bool
}

func (f *consoleFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.socket, "socket", "", "administrator's gRPC socket of the instance (default: in the data_dir of --config)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// callPatience bounds one command.
const callPatience = time.Minute

// call connects and calls do. What the instance refuses is told in its words.
func (f *consoleFlags) call(cmd *cobra.Command, env *viper.Viper, do func(context.Context, *grpc.ClientConn) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), callPatience)
	defer cancel()
	socket := f.socket
	if socket == "" {
		cfg, err := source(cmd, env).Load(ctx)
		if err != nil {
			return err
		}
		socket = adminGRPC(cfg)
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(peerCredentials{}))
	if err != nil {
		return fmt.Errorf("administrator's gRPC socket: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is under way any more
	if err := inWords(do(ctx, conn)); errors.Is(err, errNoInstance) {
		return fmt.Errorf("%w: %s", err, socket)
	} else if err != nil {
		return err
	}
	return nil
}

var errNoInstance = errors.New("no instance answers on the administrator's gRPC socket")

// inWords tells an error of gRPC as a person reads it.
func inWords(err error) error {
	var told interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &told) {
		return err
	}
	st := told.GRPCStatus()
	if st.Code() == codes.Unavailable && strings.Contains(st.Message(), "connection error") {
		return errNoInstance
	}
	before, _, _ := strings.Cut(err.Error(), "rpc error:")
	return errors.New(before + st.Message())
}

// ask calls one method with req and writes its answer.
func ask[C, Q any, A proto.Message](f *consoleFlags, cmd *cobra.Command, env *viper.Viper, t terminal,
	client func(grpc.ClientConnInterface) C, method func(C, context.Context, *Q, ...grpc.CallOption) (A, error), req *Q, write func(terminal, A) error,
) error {
	return f.call(cmd, env, func(ctx context.Context, conn *grpc.ClientConn) error {
		out, err := method(client(conn), ctx, req)
		if err != nil {
			return err
		}
		return f.print(t, out, func() error { return write(t, out) })
	})
}

// print writes an answer as JSON, or by text.
func (f *consoleFlags) print(t terminal, out proto.Message, text func() error) error {
	if !f.json {
		return text()
	}
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(out)
	if err != nil {
		return err
	}
	return writeJSON(t.out, jsonText(raw))
}

// jsonText is JSON already. protojson varies its spaces on purpose; the encoder
// puts them in order.
type jsonText []byte

// MarshalJSON is that of json.Marshaler.
func (j jsonText) MarshalJSON() ([]byte, error) { return j, nil }

// pageFlags are those of lists.
func pageFlags(cmd *cobra.Command, p *consolepb.PageRequest, orders string) {
	cmd.Flags().Int32Var(&p.Size, "size", 0, "rows at most, up to 500 (default 50)")
	cmd.Flags().StringVar(&p.Cursor, "cursor", "", "where the page before has ended")
	cmd.Flags().StringVar(&p.Order, "order", "", "what the rows are ordered by: "+orders)
	cmd.Flags().BoolVar(&p.Descending, "turn", false, "the other way round")
}

// writePage says what of a list has been shown.
func writePage(t terminal, shown int, p *consolepb.PageResponse) error {
	text := fmt.Sprintf("%d of %d", shown, p.GetTotal())
	if p.GetNext() != "" {
		text += "; the rest with --cursor " + p.GetNext()
	}
	_, err := fmt.Fprintln(t.err, text)
	return err
}

// plain makes hostile text harmless for a terminal: nothing in it acts.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

// moment writes a time, "-" for none.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().UTC().Format("2006-01-02 15:04:05Z")
}
