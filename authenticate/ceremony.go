package authenticate

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authenticate/device/ceremony"
	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
)

// A rite is a ceremony that is under way: what was asked for, who is asked, and
// the link that it goes by.
type rite struct {
	handoff.Ceremony
	self  string // the signed address of the page
	asker device.Asker
	want  device.Demand
	link  *databroker.EnrollmentLink // nil without one
}

// ceremony shows the page on which a device is registered or shown.
func (s *Server) ceremony(v visit) {
	if token := v.r.URL.Query().Get(handoff.ParamEnrollment); token != "" && !v.r.URL.Query().Has("pomerium_signature") {
		s.enrollment(v, token)
		return
	}
	if c, ok := s.begin(v); ok {
		s.showCeremony(v, c, pages.NoDeviceFailure)
	}
}

// enrollment follows an administrator's link: for its person, a ceremony of
// this host's own.
func (s *Server) enrollment(v visit, token string) {
	id, err := s.o.Handoff.ParseEnrollment(token)
	if err != nil {
		s.fail(v, device.ErrLink)
		return
	}
	session, err := s.first(v)
	if err != nil {
		s.fail(v, err)
		return
	}
	if session == nil {
		s.signInFirst(v, config.ProviderID(v.config, nil), v.r.URL.RequestURI())
		return
	}
	link, err := s.o.Devices.Open(v.r.Context(), v.asker(session), id)
	if err != nil {
		s.fail(v, err)
		return
	}
	redirect(v, s.o.Handoff.CeremonyURL(v.base, handoff.Ceremony{
		Type: link.Type, SessionID: session.ID, Enrollment: token,
		Back: handoff.SignIn{RedirectURI: v.base.String() + enrolledPath, ProviderID: session.IDPID},
	}))
}

// begin reads the signed address and finds out who is asked. It answers by
// itself, and returns false, where the ceremony cannot go on.
func (s *Server) begin(v visit) (c rite, ok bool) {
	var err error
	if c.Ceremony, err = s.o.Handoff.ParseCeremony(v.asked()); err == nil {
		err = s.checkCeremony(v, c.Ceremony)
	}
	if err != nil {
		s.fail(v, err)
		return c, false
	}
	session, err := s.current(v, c.Back.ProviderID)
	if err == nil && session != nil {
		err = s.samePerson(v, c.SessionID, session)
	}
	if err != nil {
		s.fail(v, err)
		return c, false
	}
	if session == nil {
		// Signing in leads to the address first asked for, and from there here again.
		if c.Enrollment != "" {
			s.signInFirst(v, c.Back.ProviderID, handoff.WebAuthnPath+"?"+url.Values{handoff.ParamEnrollment: {c.Enrollment}}.Encode())
			return c, false
		}
		s.toProvider(v, c.Back)
		return c, false
	}
	c.self, c.asker = v.asked().String(), v.asker(session)
	c.want = device.Demand{Type: c.Type, UserVerified: c.UserVerification}
	if c.Enrollment != "" {
		id, err := s.o.Handoff.ParseEnrollment(c.Enrollment)
		if err == nil {
			c.link, err = s.o.Devices.Open(v.r.Context(), c.asker, id)
		}
		if err != nil {
			s.fail(v, err)
			return c, false
		}
	}
	return c, true
}

// checkCeremony refuses what is signed and does not belong here. A route host
// signs the port that its client names, as with a sign-in; an address of this
// host's own is under this very host.
func (s *Server) checkCeremony(v visit, c handoff.Ceremony) error {
	switch {
	case v.party == nil:
		return errNoDevices
	case c.Type != ceremony.Any && c.Type != ceremony.Enclave:
		return handoff.ErrShape
	case c.Back.CallbackURI != "" && !s.serves(v, c.Back.CallbackURI):
		return errForeignHost
	case c.Back.CallbackURI == "" && !strings.HasPrefix(c.Back.RedirectURI, v.base.String()+"/"):
		return errForeignHost
	}
	return nil
}

// samePerson refuses whoever is not the person of the session that the route
// host has named. A session that has ended names nobody any more, and the
// signature vouches for no one.
func (s *Server) samePerson(v visit, sessionID string, here *databroker.Session) error {
	if sessionID == here.ID {
		return nil
	}
	there, err := s.o.Broker.Session(v.r.Context(), sessionID)
	switch {
	case errors.Is(err, databroker.ErrNotFound):
		return handoff.ErrExpired
	case err != nil:
		return fmt.Errorf("read session: %w", err)
	case there.UserKey() != here.UserKey():
		return errOtherPerson
	}
	return nil
}

func (s *Server) showCeremony(v visit, c rite, failure pages.DeviceFailure) {
	sheet, err := s.o.Devices.Sheet(v.r.Context(), c.asker, c.want)
	if err != nil {
		s.fail(v, err)
		return
	}
	page := pages.WebAuthn{
		Frame: s.frame(v, c.asker.Session), Enclave: c.Type == ceremony.Enclave, Verify: c.UserVerification, Devices: deviceRows(sheet.Devices),
		SelfURL: c.self, CreationOptions: sheet.Creation, Failure: failure,
	}
	if sheet.Request != nil {
		page.RequestOptions = sheet.Request
	}
	switch u, _ := url.Parse(c.Back.RedirectURI); {
	case c.link != nil:
		page.Purpose = pages.DeviceApproved
	case c.Back.CallbackURI == "":
		page.Purpose, page.BackURL = pages.DeviceWanted, devicesPath
	case u != nil:
		page.App, page.BackURL = u.Hostname(), "https://"+u.Host+homePath
	}
	s.o.Pages.WebAuthn(page).Send(v.w)
}

// ceremonyAnswer takes what the browser has answered.
func (s *Server) ceremonyAnswer(v visit) {
	if !v.ownForm() {
		s.fail(v, errForeignForm)
		return
	}
	c, ok := s.begin(v)
	if !ok {
		return
	}
	ctx := v.r.Context()
	var one *databroker.Device
	var session *databroker.Session
	var err error
	switch v.r.PostFormValue("action") {
	case "register":
		one, session, err = s.o.Devices.Enroll(ctx, c.asker, device.Enrollment{
			Demand: c.want, Response: []byte(v.r.PostFormValue("register_response")), Name: v.r.PostFormValue("device_name"), Link: c.link,
		})
	case "authenticate":
		one, session, err = s.o.Devices.Show(ctx, c.asker, c.want, []byte(v.r.PostFormValue("authenticate_response")))
	case "unregister":
		if err = s.o.Devices.Delete(ctx, c.asker, v.r.PostFormValue(paramCredential)); err == nil {
			seeOther(v, devicesPath+"?done=deleted")
			return
		}
	default:
		err = ceremony.ErrMalformed
	}
	if failure, told := failureOf(err); told {
		s.o.Log.Info().Err(err).Str("user", c.asker.Session.UserID).Str("request_id", v.requestID()).Msg("device refused")
		s.showCeremony(v, c, failure)
		return
	}
	if err != nil {
		s.fail(v, err)
		return
	}
	s.finish(v, c, one, session)
}

// finish leads on: to the route host, which learns of the session's new version
// by the way, or where the link says, or where the person came from here.
func (s *Server) finish(v visit, c rite, one *databroker.Device, session *databroker.Session) {
	switch {
	case c.link != nil && s.mayLeadTo(v, c.link.RedirectURL):
		// By way of that host's own start, so that its ticket names the session in
		// the version that shows the device: another replica may not know it yet.
		to, _ := url.Parse(c.link.RedirectURL) // mayLeadTo has read it
		seeOther(v, s.o.Handoff.StartURL(to.Host, c.link.RedirectURL))
	case c.link != nil:
		seeOther(v, enrolledPath+"?"+url.Values{paramCredential: {one.ID}}.Encode())
	default:
		s.handBack(v, c.Back, session)
	}
}

// mayLeadTo reports whether raw is an https address of a route. It is asked
// when the link is followed: routes may have gone since it was made.
func (s *Server) mayLeadTo(v visit, raw string) bool {
	u, err := url.Parse(raw)
	if raw == "" || err != nil || !v.config.ServesHost(u.Host) {
		return false
	}
	_, err = handoff.CheckRedirect(raw, u.Host)
	return err == nil
}

// failureOf says what a person is told on the page itself, where they can try
// again at once; false for what ends the ceremony.
func failureOf(err error) (pages.DeviceFailure, bool) {
	for _, one := range []struct {
		is      error
		failure pages.DeviceFailure
	}{
		{ceremony.ErrMalformed, pages.DeviceUnreadable},
		{ceremony.ErrChallenge, pages.DeviceStale},
		{ceremony.ErrExpired, pages.DeviceStale},
		{device.ErrKnown, pages.DeviceKnown},
		{device.ErrTooMany, pages.DeviceTooMany},
		{device.ErrNotYours, pages.DeviceForeign},
		{ceremony.ErrOtherPerson, pages.DeviceForeign},
		{ceremony.ErrOtherDevice, pages.DeviceForeign},
		{ceremony.ErrSyncedPasskey, pages.DeviceSynced},
		{ceremony.ErrNotPlatform, pages.DeviceNotBuiltIn},
		{ceremony.ErrNotAttested, pages.DeviceNotAttested},
		{ceremony.ErrUserVerification, pages.DeviceNotVerified},
		{ceremony.ErrUserPresence, pages.DeviceNotVerified},
		{ceremony.ErrOrigin, pages.DeviceNotAccepted},
		{ceremony.ErrAlgorithm, pages.DeviceNotAccepted},
		{ceremony.ErrSignature, pages.DeviceNotAccepted},
		{ceremony.ErrFormat, pages.DeviceNotAccepted},
		{ceremony.ErrAttestation, pages.DeviceNotAccepted},
		{ceremony.ErrBackupChanged, pages.DeviceNotAccepted},
	} {
		if errors.Is(err, one.is) {
			return one.failure, true
		}
	}
	return pages.NoDeviceFailure, false
}
