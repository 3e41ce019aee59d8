package device

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/databroker"
)

// maxDevices bounds the devices of one person.
const maxDevices = 50

// maxTries bounds how often a write is tried whose record changes meanwhile.
const maxTries = 50

// Broker is the part of the databroker that devices need.
type Broker interface {
	Session(ctx context.Context, id string) (*databroker.Session, error)
	PutSession(ctx context.Context, s *databroker.Session) error
	User(ctx context.Context, key string) (*databroker.User, error)
	PutUser(ctx context.Context, u *databroker.User) error
	Device(ctx context.Context, id string) (*databroker.Device, error)
	PutDevice(ctx context.Context, d *databroker.Device) error
	EnrollmentLink(ctx context.Context, id string) (*databroker.EnrollmentLink, error)
	PutEnrollmentLink(ctx context.Context, l *databroker.EnrollmentLink) error
	Remove(ctx context.Context, typ, id string) error
	UseOnce(ctx context.Context, purpose, id string, until time.Time) error
}

// Options are the parts a Desk is built from. All are required but Now.
type Options struct {
	Broker Broker
	Key    [32]byte // for challenges and user handles
	Log    zerolog.Logger
	Now    func() time.Time // nil means time.Now
}

// A Desk is where devices are enrolled and shown. Calls may overlap.
type Desk struct {
	o          Options
	challenges *ceremony.Challenges
}

// New returns a Desk.
func New(o Options) (*Desk, error) {
	if o.Broker == nil {
		return nil, errors.New("device: an option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Desk{o: o, challenges: ceremony.NewChallenges(o.Key, o.Now)}, nil
}

// An Asker is who is at the desk, and from where.
type Asker struct {
	Party     *ceremony.Party
	Session   *databroker.Session // of the sign-in host, alive
	Address   string
	UserAgent string // as it came
	RequestID string
}

// A Demand is what is asked of a device.
type Demand struct {
	Type         string // ceremony.Any or ceremony.Enclave
	UserVerified bool   // by PIN or biometry
}

// verification is the demand in the words of WebAuthn.
func (d Demand) verification() string {
	if d.UserVerified {
		return ceremony.VerificationRequired
	}
	return ceremony.VerificationPreferred
}

// A Sheet is what a page needs to begin either ceremony.
type Sheet struct {
	Creation *ceremony.Creation
	Request  *ceremony.Request    // nil where there is no device to show
	Devices  []*databroker.Device // those that would do, the last used first
}

// Sheet returns the questions for a's browser, each with a challenge of its own.
func (d *Desk) Sheet(ctx context.Context, a Asker, want Demand) (*Sheet, error) {
	user, all, err := d.belongings(ctx, a.Session)
	if err != nil {
		return nil, err
	}
	sheet := &Sheet{}
	challenge := d.challenges.Make(ceremony.PurposeRegister, a.Session.ID, a.Party.Origin(), want.Type)
	if sheet.Creation, err = d.creation(a, want, user, all, challenge); err != nil {
		return nil, err
	}
	for _, one := range all {
		if fits(one, want.Type) {
			sheet.Devices = append(sheet.Devices, one)
		}
	}
	if len(sheet.Devices) > 0 {
		challenge = d.challenges.Make(ceremony.PurposeAssert, a.Session.ID, a.Party.Origin(), want.Type)
		sheet.Request, err = d.request(a, want, sheet.Devices, challenge)
	}
	return sheet, err
}

// fits reports whether a device that was enrolled under one demand will do for
// another.
func fits(one *databroker.Device, typ string) bool {
	return typ == ceremony.Any || one.Type == typ
}

func (d *Desk) creation(a Asker, want Demand, user *databroker.User, all []*databroker.Device, challenge []byte) (*ceremony.Creation, error) {
	who := ceremony.User{ID: d.handle(user.Key), Name: user.Email, DisplayName: user.Name}
	if who.Name == "" {
		who.Name = user.ID
	}
	if who.DisplayName == "" {
		who.DisplayName = who.Name
	}
	return a.Party.CreationOptions(who, want.Type, challenge, d.credentials(all), want.verification())
}

func (d *Desk) request(a Asker, want Demand, of []*databroker.Device, challenge []byte) (*ceremony.Request, error) {
	return a.Party.RequestOptions(d.handle(a.Session.UserKey()), d.credentials(of), challenge, want.verification())
}

// handle is the user handle of a person: it names them to us, and says nothing
// to whoever holds the authenticator (Web Authentication, section 14.6.1).
func (d *Desk) handle(userKey string) []byte {
	mac := hmac.New(sha256.New, d.o.Key[:])
	mac.Write([]byte("cardea/v1/user-handle\x00" + userKey))
	return mac.Sum(nil)
}

func (d *Desk) credentials(of []*databroker.Device) []ceremony.Credential {
	list := make([]ceremony.Credential, len(of))
	for i, one := range of {
		list[i] = d.credential(one)
	}
	return list
}

func (d *Desk) credential(one *databroker.Device) ceremony.Credential {
	return ceremony.Credential{
		ID: one.CredentialID, PublicKey: one.PublicKey, SignCount: one.SignCount, OwnerID: d.handle(one.UserKey),
		BackupEligible: one.BackupEligible, Transports: one.Transports,
	}
}

// ID returns the id of the device with that credential: 26 letters and digits
// that a person can read out. It is made from the credential alone, so that one
// credential is never two devices; that no other gets it later, claim sees to.
func ID(credentialID []byte) string {
	sum := sha256.Sum256(append([]byte("cardea/v1/device\x00"), credentialID...))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// use checks that the challenge in response is ours, for this purpose, and uses
// it up: of two requests with one answer one gets on.
func (d *Desk) use(ctx context.Context, a Asker, purpose string, want Demand, response []byte) ([]byte, error) {
	challenge, err := ceremony.ChallengeOf(response)
	if err != nil {
		return nil, err
	}
	id, until, err := d.challenges.Check(challenge, purpose, a.Session.ID, a.Party.Origin(), want.Type)
	if err != nil {
		return nil, err
	}
	if err := d.o.Broker.UseOnce(ctx, "webauthn", id, until); err != nil {
		if errors.Is(err, databroker.ErrUsed) {
			return nil, fmt.Errorf("%w: used before", ceremony.ErrChallenge)
		}
		return nil, err
	}
	return challenge, nil
}
