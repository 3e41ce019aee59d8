package idp

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-proxy/cardea/config"
	"github.com/cardea-proxy/cardea/internal/testidp"
)

// lies says, for every lie that the test provider can tell, what must become
// of a sign-in that meets it, and of a refresh when it begins after an honest
// sign-in.
var lies = map[testidp.Lie]struct{ signIn, refresh string }{
	testidp.WrongNonce:            {"refused", "accepted"}, // a refreshed token need not repeat it
	testidp.NoNonce:               {"refused", "accepted"},
	testidp.WrongIssuer:           {"refused", "refused"},
	testidp.NoIssuer:              {"refused", "refused"},
	testidp.NoSubject:             {"refused", "refused"},
	testidp.WrongAudience:         {"refused", "refused"},
	testidp.NoAudience:            {"refused", "refused"},
	testidp.SecondAudience:        {"refused", "refused"},
	testidp.WrongAzp:              {"refused", "refused"},
	testidp.NoIssuedAt:            {"refused", "refused"},
	testidp.OldToken:              {"clock", "clock"},
	testidp.FutureToken:           {"clock", "clock"},
	testidp.NoExpiry:              {"refused", "refused"},
	testidp.AlgNone:               {"refused", "refused"},
	testidp.AlgHS256PublicKey:     {"refused", "refused"},
	testidp.AlgHS256Secret:        {"refused", "refused"},
	testidp.BadSignature:          {"refused", "refused"},
	testidp.OtherKey:              {"refused", "refused"},
	testidp.EmbeddedKey:           {"refused", "refused"},
	testidp.UnknownKid:            {"refused", "refused"},
	testidp.PathKid:               {"refused", "refused"},
	testidp.WrongAccessTokenHash:  {"refused", "refused"},
	testidp.NoIDToken:             {"refused", "accepted"}, // OpenID Connect Core, section 12.2
	testidp.GarbageIDToken:        {"refused", "refused"},
	testidp.UnverifiedEmail:       {"unverified", "unverified"},
	testidp.EmailOfTwoHosts:       {"refused", "refused"},
	testidp.OtherSubjectOnRefresh: {"accepted", "refused"},

	testidp.NoKid:               {"accepted", "accepted"},
	testidp.TwoKeys:             {"accepted", "accepted"},
	testidp.RotateBeforeSigning: {"accepted", "accepted"},
	testidp.ThinIDToken:         {"accepted", "accepted"},
	testidp.VerifiedAsText:      {"accepted", "accepted"},
	testidp.NoIDTokenOnRefresh:  {"accepted", "accepted"},
	testidp.NoRotation:          {"accepted", "accepted"},
	testidp.NoRefreshToken:      {"accepted", "accepted"},
	testidp.SignedUserinfo:      {"accepted", "accepted"},

	testidp.DiscoveryOtherIssuer: {"refused", "accepted"}, // discovery holds for an hour
	testidp.DiscoveryGarbage:     {"refused", "accepted"},
	testidp.NoPKCE:               {"accepted", "accepted"}, // we ask for it all the same
	testidp.IgnorePKCE:           {"accepted", "accepted"},
	testidp.ReplayCodes:          {"accepted", "accepted"}, // a state is used once, which is authenticate's to see to
	testidp.NoEndSession:         {"accepted", "accepted"},
	testidp.WrongIss:             {"refused", "accepted"},
	testidp.NoIss:                {"refused", "accepted"},
	testidp.IssUnannounced:       {"accepted", "accepted"},
	testidp.WrongState:           {"accepted", "accepted"}, // the state is authenticate's
	testidp.AccessDenied:         {"revoked", "accepted"},  // there is no code to exchange
	testidp.ServerError:          {"revoked", "accepted"},
	testidp.LoginRequired:        {"revoked", "accepted"},
	testidp.UserinfoOtherSubject: {"refused", "refused"},
	testidp.UserinfoNoSubject:    {"refused", "refused"},
	testidp.RefuseRefresh:        {"accepted", "revoked"},

	testidp.Down:           {"unavailable", "unavailable"},
	testidp.Broken:         {"unavailable", "unavailable"},
	testidp.BrokenKeys:     {"unavailable", "accepted"}, // the key is known
	testidp.GarbageKeys:    {"unavailable", "accepted"},
	testidp.EmptyKeys:      {"refused", "accepted"},
	testidp.BrokenToken:    {"unavailable", "unavailable"},
	testidp.CutToken:       {"unavailable", "unavailable"},
	testidp.BrokenUserinfo: {"unavailable", "unavailable"},
	testidp.Endless:        {"unavailable", "unavailable"},
}

func TestEveryLieMeetsItsAnswerAtSignIn(t *testing.T) {
	t.Parallel()
	for lie, want := range lies {
		t.Run(string(lie), func(t *testing.T) {
			t.Parallel()
			far := testidp.Start(t, testidp.Options{Algorithm: algorithmFor(lie)})
			p := newTestProvider(t, far, nil)
			far.Lie(lie)
			id, err := signIn(t, p, far)
			if got := outcome(err); got != want.signIn {
				t.Fatalf("sign-in is %s (%v), want %s", got, err, want.signIn)
			}
			if err != nil {
				checkSilent(t, err)
				return
			}
			got := Identity{Subject: id.Subject, Email: id.Email, Name: id.Name, Groups: id.Groups}
			if diff := cmp.Diff(Identity{Subject: "1", Email: "ann@example.com", Name: "Ann", Groups: []string{"eng"}}, got); diff != "" {
				t.Errorf("person (-want +got):\n%s", diff)
			}
			if id.Tokens.ID == "" || id.Tokens.Access == "" || id.Tokens.AccessExpires.Before(time.Now().Add(4*time.Minute)) {
				t.Errorf("tokens are missing or hold till %v", id.Tokens.AccessExpires)
			}
			if has := id.Tokens.Refresh != ""; has != (lie != testidp.NoRefreshToken) {
				t.Errorf("has a refresh token: %v", has)
			}
			if q := far.Last(testidp.Authorize); q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 {
				t.Errorf("asked for a code without PKCE: %v", q)
			}
		})
	}
}

// algorithmFor: EC keys are made faster, but the confusion of a public key with
// a shared secret is tried with RSA.
func algorithmFor(lie testidp.Lie) string {
	if lie == testidp.AlgHS256PublicKey || lie == testidp.BadSignature {
		return "RS256"
	}
	return "ES256"
}

func TestEveryLieMeetsItsAnswerAtRefresh(t *testing.T) {
	t.Parallel()
	for lie, want := range lies {
		t.Run(string(lie), func(t *testing.T) {
			t.Parallel()
			far := testidp.Start(t, testidp.Options{Algorithm: algorithmFor(lie)})
			p := newTestProvider(t, far, nil)
			before := mustSignIn(t, p, far)
			far.SetUser(testidp.User{Sub: "1", Email: "ann@example.com", Groups: []string{"eng"}})
			far.Lie(lie)
			id, err := p.Refresh(t.Context(), before.Tokens, before.Subject)
			if got := outcome(err); got != want.refresh {
				t.Fatalf("refresh is %s (%v), want %s", got, err, want.refresh)
			}
			if err != nil {
				checkSilent(t, err)
				checkNewTokensAreKept(t, lie, before, id)
				return
			}
			if id.Subject != "1" || id.Tokens.Access == before.Tokens.Access || id.Tokens.ID == "" {
				t.Errorf("subject %q; the access token is new: %v", id.Subject, id.Tokens.Access != before.Tokens.Access)
			}
			if rotated := id.Tokens.Refresh != before.Tokens.Refresh; rotated == (lie == testidp.NoRotation || lie == testidp.NoRefreshToken) {
				t.Errorf("the refresh token is new: %v", rotated)
			}
		})
	}
}

// checkNewTokensAreKept: where the token endpoint did its work, the refresh
// token that it rotated in must survive what went wrong afterwards.
func checkNewTokensAreKept(t *testing.T, lie testidp.Lie, before, after *Identity) {
	t.Helper()
	switch lie {
	case testidp.BrokenUserinfo, testidp.OldToken, testidp.FutureToken:
		if after == nil || after.Tokens.Refresh == "" || after.Tokens.Refresh == before.Tokens.Refresh {
			t.Error("the new refresh token is lost")
		}
	default:
		if after != nil {
			t.Errorf("an identity came with the error: %+v", after)
		}
	}
}

// checkSilent: an error goes to the log, where no secret belongs.
func checkSilent(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{"client secret", "eyJ"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q: %v", secret, err)
		}
	}
}

func TestTheTableKnowsEveryLie(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/testidp/lie.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if _, known := lies[testidp.Lie(text)]; !known {
			t.Errorf("%s is not in the table", spec.Names[0])
		}
		return true
	})
	if found != len(lies) {
		t.Errorf("found %d lies, the table has %d", found, len(lies))
	}
}

func TestAnUnreachableKeySetNeverFallsBackToKnownKeys(t *testing.T) {
	t.Parallel()
	for _, broken := range []testidp.Lie{testidp.BrokenKeys, testidp.GarbageKeys} {
		for _, forged := range []testidp.Lie{testidp.OtherKey, testidp.UnknownKid, testidp.BadSignature} {
			far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
			p := newTestProvider(t, far, nil)
			mustSignIn(t, p, far)
			far.Lie(broken, forged)
			if _, err := signIn(t, p, far); outcome(err) != "unavailable" {
				t.Errorf("%s with %s: %v, want unavailable", broken, forged, err)
			}
		}
	}
}

func TestARotatedKeyIsLearntAndTheOldOneForgotten(t *testing.T) {
	t.Parallel()
	far := testidp.Start(t, testidp.Options{})
	p := newTestProvider(t, far, nil)
	mustSignIn(t, p, far)
	if err := far.RotateKey(); err != nil {
		t.Fatal(err)
	}
	mustSignIn(t, p, far)
	if n := far.Count(testidp.Keys); n != 2 {
		t.Errorf("keys were fetched %d times, want once more for the rotation", n)
	}
}

func TestAStormOfUnknownKeysIsBounded(t *testing.T) {
	t.Parallel()
	const storm = 40
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
	p := newTestProvider(t, far, nil)
	mustSignIn(t, p, far)
	far.Lie(testidp.UnknownKid)
	var all sync.WaitGroup
	for range storm {
		all.Go(func() {
			if _, err := signIn(t, p, far); outcome(err) != "refused" {
				t.Errorf("an unknown key: %v", err)
			}
		})
	}
	all.Wait()
	if n := far.Count(testidp.Keys); n > storm+1 {
		t.Errorf("keys were fetched %d times for %d tokens", n, storm)
	}
	far.Lie()
	mustSignIn(t, p, far)
}

func TestClocksAnHourApartAreNamedAsSuch(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{time.Hour, -time.Hour} {
		far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
		p := newTestProvider(t, far, nil)
		far.SetClock(offset)
		_, err := signIn(t, p, far)
		if outcome(err) != "clock" || !strings.Contains(err.Error(), "our clock says") {
			t.Errorf("offset %v: %v, want an error that names both times", offset, err)
		}
	}
	for _, offset := range []time.Duration{90 * time.Second, -90 * time.Second} {
		far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
		p := newTestProvider(t, far, nil)
		far.SetClock(offset)
		mustSignIn(t, p, far)
	}
}

func TestACodeIsBoundToItsVerifierNonceAndUse(t *testing.T) {
	t.Parallel()
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
	p := newTestProvider(t, far, nil)
	start := func() attempt {
		a, err := begin(t.Context(), p, far.Client())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a, b := start(), start()
	a.verifier = b.verifier
	if _, err := a.finish(t.Context(), p); outcome(err) != "revoked" {
		t.Errorf("a code with another verifier: %v", err)
	}
	// A provider that takes any verifier: the nonce still tells the browsers apart.
	far.Lie(testidp.IgnorePKCE)
	a, b = start(), start()
	a.back = b.back
	if _, err := a.finish(t.Context(), p); outcome(err) != "refused" {
		t.Errorf("a code of another browser: %v", err)
	}
	far.Lie()
	c := start()
	if _, err := c.finish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := c.finish(t.Context(), p); outcome(err) != "revoked" {
		t.Errorf("a code used twice: %v", err)
	}
	other := newTestProvider(t, far, func(o *Options) { o.ClientID = "other" })
	if _, err := start().finish(t.Context(), other); outcome(err) != "refused" {
		t.Errorf("a code of another client: %v", err)
	}
}

func TestARotatedRefreshTokenIsGoodOnce(t *testing.T) {
	t.Parallel()
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
	p := newTestProvider(t, far, nil)
	first := mustSignIn(t, p, far)
	second, err := p.Refresh(t.Context(), first.Tokens, "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Refresh(t.Context(), first.Tokens, "1"); outcome(err) != "revoked" {
		t.Errorf("the old refresh token: %v", err)
	}
	if _, err := p.Refresh(t.Context(), second.Tokens, "1"); outcome(err) != "revoked" {
		t.Errorf("the family of a refresh token that was used twice: %v", err)
	}
}

func TestARefreshThatOurConfigurationSpoilsEndsNobody(t *testing.T) {
	t.Parallel()
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
	p := newTestProvider(t, far, nil)
	before := mustSignIn(t, p, far)
	wrong := newTestProvider(t, far, func(o *Options) { o.ClientSecret = config.Secret("rotated at the provider") })
	if _, err := wrong.Refresh(t.Context(), before.Tokens, "1"); outcome(err) != "unavailable" {
		t.Errorf("a refresh with a wrong client secret: %v", err)
	}
	if _, err := p.Refresh(t.Context(), before.Tokens, "1"); err != nil {
		t.Errorf("the refresh after it was mended: %v", err)
	}
}

func TestASlowProviderIsUnavailable(t *testing.T) {
	t.Parallel()
	far := testidp.Start(t, testidp.Options{Algorithm: "ES256"})
	p := newTestProvider(t, far, nil)
	far.SetDelay(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.AuthCodeURL(ctx, Request{Verifier: "v"}); outcome(err) != "unavailable" {
		t.Errorf("a provider that does not answer in time: %v", err)
	}
}
