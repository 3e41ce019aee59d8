package authenticate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"

	"github.com/cardea-proxy/cardea/authenticate/device"
	"github.com/cardea-proxy/cardea/authenticate/idp"
	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/internal/handoff"
	"github.com/cardea-proxy/cardea/internal/pages"
	"github.com/cardea-proxy/cardea/internal/ticket"
)

// A rotating provider only refreshes, in process, so that it fits into a bubble
// of fake time. A refresh token that is used twice is an error of the test.
type rotating struct {
	t        *testing.T
	key      *ecdsa.PrivateKey
	lifetime time.Duration

	mu     sync.Mutex
	newest string
	asked  []time.Time
	down   bool
}

func newRotating(t *testing.T, lifetime time.Duration) *rotating {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &rotating{t: t, key: key, lifetime: lifetime, newest: "first"}
}

func (p *rotating) breakDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
}

func (p *rotating) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, errors.New("the provider is down")
	}
	switch r.URL.Path {
	case "/keys":
		write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		p.refresh(w, r)
	default:
		write(w, map[string]string{
			"issuer": "https://id.example", "authorization_endpoint": "https://id.example/a",
			"token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/keys",
		})
	}
	return w.Result(), nil
}

func (p *rotating) refresh(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("refresh_token") != p.newest {
		p.t.Errorf("a refresh token was used twice")
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	now := time.Now()
	p.newest, p.asked = rand.Text(), append(p.asked, now)
	claims, _ := json.Marshal(map[string]any{
		"iss": "https://id.example", "sub": "1", "aud": "cardea", "iat": now.Unix(), "exp": now.Add(p.lifetime).Unix(),
	})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	if err != nil {
		p.t.Error(err)
		return
	}
	signed, _ := signer.Sign(claims)
	raw, _ := signed.CompactSerialize()
	write(w, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": int(p.lifetime.Seconds()), "id_token": raw, "refresh_token": p.newest,
	})
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// inBubble runs replicas of the refresher over one store, with one session
// that ends after lifetime, in a bubble of fake time.
func inBubble(t *testing.T, replicas int, tokens, lifetime time.Duration, test func(t *testing.T, p *rotating, c *databroker.Client)) {
	synctest.Test(t, func(t *testing.T) {
		p := newRotating(t, tokens)
		w := &world{t: t, clock: &clock{}, log: &logbook{}, config: newConfig("https://id.example")}
		ctx, stop := context.WithCancel(t.Context())
		stopBroker := w.startBroker(time.Now)
		client, closeClient := w.newClient(time.Now)
		now := time.Now()
		session := &databroker.Session{
			ID: "s", UserID: "1", IDPID: w.providerID(), IssuedAt: now, ExpiresAt: now.Add(lifetime),
			RefreshToken: databroker.NewSecret("first"), AccessToken: databroker.NewSecret("a"), TokenExpiresAt: now.Add(tokens),
		}
		w.client = client
		w.put(session)
		var running sync.WaitGroup
		for range replicas {
			s := w.refresher(client, p)
			running.Go(func() {
				if err := s.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		test(t, p, client)
		stop()
		running.Wait()
		closeClient()
		stopBroker()
	})
}

// refresher returns a Server that only refreshes, at the provider p.
func (w *world) refresher(client *databroker.Client, p *rotating) *Server {
	w.t.Helper()
	view, err := databroker.NewView(databroker.ViewOptions{Client: client})
	if err != nil {
		w.t.Fatal(err)
	}
	desk, err := device.New(device.Options{Broker: client})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := New(Options{
		Devices: desk, Broker: client, Sessions: view, Tickets: ticket.New([32]byte{3}), Handoff: handoff.New([32]byte{1}, [32]byte{2}, nil),
		Pages: pages.New(pages.Options{}), Reveal: func(string, string) {}, Log: zerolog.New(w.log),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	prepared, err := s.Prepare(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	prepared.next.providers[w.providerID()], err = idp.New(idp.Options{
		Provider: "oidc", URL: "https://id.example", ClientID: "cardea", RedirectURL: base.String() + callbackPath, Transport: p,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Apply(w.t.Context(), prepared); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestRunKeepsASessionFreshUntilItsEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, 10*time.Minute, 33*time.Minute, func(t *testing.T, p *rotating, c *databroker.Client) {
		start := time.Now()
		for range 9 {
			time.Sleep(3*time.Minute + 30*time.Second)
			s, err := c.Session(t.Context(), "s")
			if err != nil {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			if !s.TokenExpiresAt.After(time.Now()) {
				t.Errorf("after %v the tokens have expired", time.Since(start))
			}
		}
		time.Sleep(2 * time.Minute)
		if _, err := c.Session(t.Context(), "s"); !errors.Is(err, databroker.ErrNotFound) {
			t.Errorf("after its end: %v", err)
		}
		var after []time.Duration
		for _, at := range p.asked {
			after = append(after, at.Sub(start).Round(time.Minute))
		}
		// A fifth of ten minutes before the end of the tokens; the last ones outlive the session.
		if len(after) != 3 || after[0] != 8*time.Minute || after[1] != 16*time.Minute || after[2] != 24*time.Minute {
			t.Errorf("refreshed after %v", after)
		}
	})
}

func TestRunEndsASessionWhoseProviderStaysAway(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, 10*time.Minute, 10*time.Hour, func(t *testing.T, p *rotating, c *databroker.Client) {
		time.Sleep(time.Minute)
		p.breakDown()
		time.Sleep(13 * time.Minute)
		if _, err := c.Session(t.Context(), "s"); err != nil {
			t.Errorf("four minutes after the tokens: %v", err)
		}
		time.Sleep(3 * time.Minute)
		if _, err := c.Session(t.Context(), "s"); !errors.Is(err, databroker.ErrNotFound) {
			t.Errorf("seven minutes after the tokens: %v", err)
		}
	})
}

func TestRunNeverAsksWithoutAPause(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, 5*time.Second, time.Hour, func(t *testing.T, p *rotating, _ *databroker.Client) {
		time.Sleep(2 * time.Minute)
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(p.asked); n < 6 || n > 12 {
			t.Errorf("tokens of five seconds were refreshed %d times in two minutes", n)
		}
	})
}
