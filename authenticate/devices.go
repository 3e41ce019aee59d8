package authenticate

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

const (
	devicesPath  = "/.pomerium/devices"
	enrolledPath = "/.pomerium/device-enrolled"
)

// paramCredential names a device in forms and addresses.
const paramCredential = "pomerium_device_credential_id"

// asker is who is at the desk with session.
func (v visit) asker(session *databroker.Session) device.Asker {
	return device.Asker{
		Party: v.party, Session: session, Address: clientAddress(v.r), UserAgent: v.r.UserAgent(), RequestID: v.requestID(),
	}
}

// ownDevices shows a person their devices.
func (s *Server) ownDevices(v visit) {
	session, err := s.first(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session == nil {
		s.signInFirst(v, config.ProviderID(v.config, nil), devicesPath)
		return
	}
	done := pages.DeviceNothing
	switch v.done() {
	case "renamed":
		done = pages.DeviceRenamed
	case "deleted":
		done = pages.DeviceDeleted
	case "added":
		done = pages.DeviceAdded
	}
	s.showDevices(v, session, done, "")
}

func (s *Server) showDevices(v visit, session *databroker.Session, done pages.DeviceDone, badName string) {
	list, err := s.o.Devices.List(v.r.Context(), session)
	if err != nil {
		s.fail(v, err)
		return
	}
	page := pages.Devices{Frame: s.frame(v, session), Devices: deviceRows(list), Action: devicesPath, Done: done, BadName: badName}
	if v.party != nil {
		page.RegisterURL = s.localCeremony(v, session, ceremony.Any)
		page.RegisterEnclaveURL = s.localCeremony(v, session, ceremony.Enclave)
	}
	s.o.Pages.Devices(page).Send(v.w)
}

// localCeremony is the address of a ceremony that begins and ends on this host.
func (s *Server) localCeremony(v visit, session *databroker.Session, typ string) string {
	return s.o.Handoff.CeremonyURL(v.base, handoff.Ceremony{Type: typ, SessionID: session.ID, Back: handoff.SignIn{
		RedirectURI: v.base.String() + devicesPath + "?done=added", ProviderID: session.IDPID,
	}})
}

// first returns the session of this browser that comes first, nil for none.
func (s *Server) first(v visit) (*databroker.Session, error) {
	mine, err := s.mine(v)
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	return mine[0], nil
}

// frame surrounds a page of session's owner.
func (s *Server) frame(v visit, session *databroker.Session) pages.Frame {
	f := pages.Frame{SessionURL: homePath, SignOutURL: handoff.SignOutPath, RequestID: v.requestID()}
	f.Person.ID = session.UserID
	if user, err := s.o.Broker.User(v.r.Context(), session.UserKey()); err == nil {
		f.Person.Name, f.Person.Email = user.Name, user.Email
	}
	return f
}

func deviceRows(list []*databroker.Device) []pages.DeviceRow {
	rows := make([]pages.DeviceRow, len(list))
	for i, d := range list {
		rows[i] = deviceRow(d)
	}
	return rows
}

func deviceRow(d *databroker.Device) pages.DeviceRow {
	return pages.DeviceRow{
		ID: d.ID, Name: d.Name, Enclave: d.Type == ceremony.Enclave, Model: d.Model, Attested: d.Attested, Approved: d.Approved,
		Suspicious: !d.CounterWentBackAt.IsZero(), EnrolledAt: d.EnrolledAt, LastUsedAt: d.LastUsedAt,
	}
}

// changeDevice takes the forms of the page of devices.
func (s *Server) changeDevice(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	session, err := s.first(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session == nil {
		s.signInFirst(v, config.ProviderID(v.config, nil), devicesPath)
		return
	}
	ctx, asker, id := v.r.Context(), v.asker(session), v.r.PostFormValue(paramCredential)
	done := ""
	switch v.r.PostFormValue("action") {
	case "rename":
		done, err = "renamed", s.o.Devices.Rename(ctx, asker, id, v.r.PostFormValue("name"))
	case "delete", "unregister":
		done, err = "deleted", s.o.Devices.Delete(ctx, asker, id)
	default:
		err = errNotFound
	}
	switch {
	case errors.Is(err, device.ErrName):
		s.showDevices(v, session, pages.DeviceNothing, id)
	case err != nil:
		s.fail(v, err)
	default:
		seeOther(v, devicesPath+"?done="+done)
	}
}

// deviceEnrolled says that a device was registered; the address names one of
// the person's own.
func (s *Server) deviceEnrolled(v visit) {
	session, err := s.first(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	page := pages.Enrolled{NextURL: homePath}
	if session != nil {
		page.Frame = s.frame(v, session)
		list, err := s.o.Devices.List(v.r.Context(), session)
		if err != nil {
			s.fail(v, err)
			return
		}
		for _, d := range list {
			if d.ID == v.r.URL.Query().Get(paramCredential) {
				page.Device = deviceRow(d)
			}
		}
	}
	s.o.Pages.Enrolled(page).Send(v.w)
}

// signInFirst sends the browser to the identity provider, and back to path on
// this host.
func (s *Server) signInFirst(v visit, providerID, path string) {
	s.toProvider(v, handoff.SignIn{ProviderID: providerID, RedirectURI: v.base.String() + path})
}

// done is the word for what has just been done, "" where a link of another site
// says so: it would be told of what was not done.
func (v visit) done() string {
	switch v.r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return v.r.URL.Query().Get("done")
	}
	return ""
}

// seeOther answers a form: what follows is a GET.
func seeOther(v visit, to string) {
	h := v.w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	v.w.WriteHeader(http.StatusSeeOther)
}

// newParty makes what an authenticator sees of the sign-in host. It is nil, and
// nobody can register a device, where browsers keep no credentials for the host.
func (s *Server) newParty(cfg *config.Config, base *url.URL) *ceremony.Party {
	o := ceremony.Options{Name: "Cardea", Origin: strings.TrimSuffix(strings.ToLower(base.String()), ":443"), Now: s.o.Now}
	if len(cfg.AttestationCA) > 0 {
		o.Roots = x509.NewCertPool()
		o.Roots.AppendCertsFromPEM(cfg.AttestationCA) // config has read them
	}
	party, err := ceremony.New(o)
	if err != nil {
		s.o.Log.Warn().Err(err).Msg("nobody can register a device: the address of the sign-in host does not allow it")
		return nil
	}
	return party
}
