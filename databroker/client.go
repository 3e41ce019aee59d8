package databroker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"google.golang.org/grpc"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// ClientOptions are the parts a Client is built from.
type ClientOptions struct {
	// Conn leads to a Server. Securing it is the maker's duty: a private unix
	// socket, or TLS with certificates on both sides.
	Conn grpc.ClientConnInterface

	// Secret is the shared secret. The key of secret fields is derived from it.
	Secret []byte

	// Timeout bounds every call but Watch; 0 means 5 s.
	Timeout time.Duration

	Now func() time.Time // nil means time.Now
}

// A Client reads and writes records over gRPC. Calls may overlap. Every error
// is, by errors.Is, one of the package's or the context's.
type Client struct {
	rpc     brokerpb.DatabrokerClient
	codec   codec
	timeout time.Duration
	now     func() time.Time
}

// NewClient returns a Client. It opens no connection.
func NewClient(o ClientOptions) (*Client, error) {
	if o.Conn == nil || len(o.Secret) == 0 {
		return nil, errors.New("databroker: a client needs a connection and the shared secret")
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{
		rpc:     brokerpb.NewDatabrokerClient(o.Conn),
		codec:   newCodec(o.Secret),
		timeout: o.Timeout,
		now:     o.Now,
	}, nil
}

// Get returns the record typ/id, or ErrNotFound.
func (c *Client) Get(ctx context.Context, typ, id string) (*Record, error) {
	r, _, err := c.read(ctx, typ, id)
	if err == nil && (r == nil || r.Deleted || r.Expired(c.now())) {
		return nil, ErrNotFound
	}
	return r, err
}

// read returns the record typ/id and the position at which it was read. The
// record is nil, without an error, when there is none; a tombstone comes as
// it is.
func (c *Client) read(ctx context.Context, typ, id string) (*Record, Position, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.rpc.Get(ctx, &brokerpb.GetRequest{Type: typ, Id: id})
	if err != nil {
		return nil, Position{}, fmt.Errorf("read %s: %w", typ, fromStatus(err))
	}
	if p := resp.GetRecord(); p != nil {
		return recordFrom(p), positionFrom(resp.GetPosition()), nil
	}
	return nil, positionFrom(resp.GetPosition()), nil
}

// A Write is one change to one record.
type Write struct {
	Type      string
	ID        string
	Data      []byte
	ExpiresAt time.Time // zero is never; a moment that is past is ErrInvalid

	// Expected is the version the record must have now; 0: it must be absent,
	// deleted or expired.
	Expected uint64

	Overwrite bool // write whatever the version is; Expected is not looked at
	Delete    bool // leave a tombstone; Data is not looked at
	Quiet     bool // keep the write out of the feed
}

// A Result is what became of a Write: the record's new version, or an error.
type Result struct {
	Version    uint64
	ModifiedAt time.Time
	Err        error
}

// MaxWrites is how many writes one call of WriteAll may hold.
const MaxWrites = 256

// WriteAll applies writes in one go, each for itself, and returns a result for
// each. The error is that of the call: then nothing is known of any of them.
func (c *Client) WriteAll(ctx context.Context, writes []Write) ([]Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req := &brokerpb.WriteRequest{Writes: make([]*brokerpb.Write, len(writes))}
	for i, w := range writes {
		req.Writes[i] = w.proto()
	}
	resp, err := c.rpc.Write(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("write: %w", fromStatus(err))
	}
	if len(resp.GetResults()) != len(writes) {
		return nil, fmt.Errorf("write: %w: %d results for %d writes", ErrUnavailable, len(resp.GetResults()), len(writes))
	}
	results := make([]Result, len(writes))
	for i, r := range resp.GetResults() {
		results[i] = Result{Version: r.GetVersion(), ModifiedAt: timeFrom(r.GetModifiedAt()), Err: fromResult(r)}
	}
	return results, nil
}

// Put applies one write and returns the record's new version. ErrConflict
// says that the record has another version than expected.
func (c *Client) Put(ctx context.Context, w Write) (version uint64, err error) {
	results, err := c.WriteAll(ctx, []Write{w})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return 0, fmt.Errorf("put %s: %w", w.Type, err)
	}
	return results[0].Version, nil
}

// Delete deletes the record typ/id if it has the version expected. ErrNotFound
// says that there is none, ErrConflict that it has another version.
func (c *Client) Delete(ctx context.Context, typ, id string, expected uint64) error {
	if expected == 0 {
		return fmt.Errorf("delete %s: %w: no version", typ, ErrInvalid)
	}
	_, err := c.Put(ctx, Write{Type: typ, ID: id, Expected: expected, Delete: true})
	return err
}

// Remove deletes the record typ/id whatever its version. It is no error if
// there is none.
func (c *Client) Remove(ctx context.Context, typ, id string) error {
	_, err := c.Put(ctx, Write{Type: typ, ID: id, Overwrite: true, Delete: true})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// A Page is a part of a list.
type Page struct {
	Records  []*Record
	Next     []byte   // what List continues with; empty after the last page
	Position Position // read before the records
}

// List returns one page of the records of a type, at most limit of them; 0
// lets the server choose. A page may be empty and not be the last.
func (c *Client) List(ctx context.Context, typ string, limit int, after []byte) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.rpc.List(ctx, &brokerpb.ListRequest{Type: typ, Limit: int32(min(limit, 1<<20)), After: after})
	if err != nil {
		return Page{}, fmt.Errorf("list %s: %w", typ, fromStatus(err))
	}
	page := Page{Next: resp.GetNext(), Position: positionFrom(resp.GetPosition())}
	for _, r := range resp.GetRecords() {
		page.Records = append(page.Records, recordFrom(r))
	}
	return page, nil
}

// All ranges over every record of a type, in no order that means anything. It
// ends after the first error.
func (c *Client) All(ctx context.Context, typ string) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		var after []byte
		for {
			page, err := c.List(ctx, typ, 0, after)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range page.Records {
				if !yield(r, nil) {
					return
				}
			}
			if after = page.Next; len(after) == 0 {
				return
			}
		}
	}
}

// A Change is one message of a watch: a record as a write left it, or a sign
// of life when Record is nil.
type Change struct {
	Record   *Record  // Deleted for a tombstone
	Position Position // reached when the change has been applied
}

// Watch calls fn for every change after from, in order, until fn or the feed
// returns an error. The zero from starts now. The first call has no record and
// says where the watch starts; calls without a record come at least every
// HeartbeatInterval, so that silence means a lost feed. Writes that follow
// each other quickly may come as one, the last. No types means all of them.
// Expiry is no change: watch the records' ExpiresAt.
func (c *Client) Watch(ctx context.Context, types []string, from Position, fn func(Change) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream when fn does
	req := &brokerpb.WatchRequest{Types: types, Position: from.proto()}
	stream, err := c.rpc.Watch(ctx, req)
	if err != nil {
		return fmt.Errorf("watch: %w", fromStatus(err))
	}
	for {
		msg, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("watch: %w", fromStatus(err))
		}
		change := Change{Position: positionFrom(msg.GetPosition())}
		if r := msg.GetRecord(); r != nil {
			change.Record = recordFrom(r)
		}
		if err := fn(change); err != nil {
			return err
		}
	}
}
