package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-proxy/cardea/databroker"
)

// Open returns the link id if a may enroll a device by it now.
func (d *Desk) Open(ctx context.Context, a Asker, id string) (*databroker.EnrollmentLink, error) {
	link, err := d.o.Broker.EnrollmentLink(ctx, id)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return nil, ErrLink
	case err != nil:
		return nil, fmt.Errorf("read enrollment link: %w", err)
	// Whose it is comes first: what became of a link is for its person to know.
	case link.UserKey != a.Session.UserKey():
		return nil, ErrLinkOther
	case !link.UsedAt.IsZero():
		return nil, ErrLinkUsed
	case !d.o.Now().Before(link.ExpiresAt):
		return nil, ErrLinkEnded
	}
	return link, nil
}

// spend uses link up for one.
func (d *Desk) spend(ctx context.Context, link *databroker.EnrollmentLink, one *databroker.Device) error {
	if !d.o.Now().Before(link.ExpiresAt) {
		return ErrLinkEnded // the ceremony took its time
	}
	used := *link
	used.UsedAt, used.DeviceID = d.o.Now().UTC(), one.ID
	err := d.o.Broker.PutEnrollmentLink(ctx, &used)
	switch {
	case errors.Is(err, databroker.ErrConflict):
		return ErrLinkUsed // used, or taken back, since it was opened
	case err != nil:
		return fmt.Errorf("use enrollment link: %w", err)
	}
	return nil
}
