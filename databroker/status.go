package databroker

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cardea-proxy/cardea/databroker/brokerpb"
)

// statuses pairs each error that crosses the wire with its code, both ways.
var statuses = []struct {
	err  error
	code codes.Code
}{
	{ErrNotFound, codes.NotFound},
	{ErrConflict, codes.Aborted},
	{ErrHeld, codes.AlreadyExists},
	{ErrRelist, codes.OutOfRange},
	{ErrInvalid, codes.InvalidArgument},
	{ErrTampered, codes.DataLoss},
	{ErrUnavailable, codes.Unavailable},
	{context.Canceled, codes.Canceled},
	{context.DeadlineExceeded, codes.DeadlineExceeded},
}

// toStatus turns the server's error into what a client is told. Details stay
// here, in the log: the client gets the sentence of the sentinel, but what was
// invalid is the client's own.
func toStatus(err error) error {
	code, text := statusOf(err)
	return status.Error(code, text)
}

func statusOf(err error) (codes.Code, string) {
	if errors.Is(err, ErrInvalid) {
		return codes.InvalidArgument, err.Error()
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.code, s.err.Error()
		}
	}
	return codes.Unavailable, ErrUnavailable.Error()
}

// fromStatus turns what a call returned into an error of this package. A code
// that the server never sends comes from gRPC itself and means that nobody
// answered in order: ErrUnavailable. A passed deadline is both, so that a
// caller who knows only ErrUnavailable does right.
func fromStatus(err error) error {
	if err == nil {
		return nil
	}
	return fromCode(status.Code(err), status.Convert(err).Message())
}

func fromResult(r *brokerpb.WriteResult) error {
	if r.GetCode() == 0 {
		return nil
	}
	return fromCode(codes.Code(r.GetCode()), r.GetMessage())
}

func fromCode(code codes.Code, text string) error {
	switch code {
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w: %w", ErrUnavailable, context.DeadlineExceeded)
	case codes.InvalidArgument:
		return fmt.Errorf("%w (%s)", ErrInvalid, text)
	case codes.Unavailable:
		if text == ErrUnavailable.Error() {
			return ErrUnavailable
		}
		return fmt.Errorf("%w: %s", ErrUnavailable, text)
	}
	for _, s := range statuses {
		if s.code == code {
			return s.err
		}
	}
	return fmt.Errorf("%w: %s: %s", ErrUnavailable, code, text)
}
