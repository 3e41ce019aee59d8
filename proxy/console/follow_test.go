package console

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cardea-proxy/cardea/internal/assertion"
	"github.com/cardea-proxy/cardea/proxy/console/consolepb"
)

// open begins to follow as the person of a session, by the page's script.
func (w *world) open(session, target string) (*bufio.Reader, *http.Response) {
	w.t.Helper()
	server := httptest.NewServer(w.server.Handler())
	w.t.Cleanup(server.Close)
	r := w.request(session, http.MethodGet, target, nil)
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", server.Listener.Addr().String()
	r.Header.Set("Accept", "text/event-stream")
	ctx, cancel := context.WithCancel(w.t.Context())
	w.t.Cleanup(cancel)
	resp, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return bufio.NewReader(resp.Body), resp
}

// event reads on to the next one, past comments.
func event(t *testing.T, in *bufio.Reader) (name, data string) {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err.Error()
		}
		if after, ok := strings.CutPrefix(line, "event: "); ok {
			name = strings.TrimSpace(after)
		}
		if after, ok := strings.CutPrefix(line, "data: "); ok {
			return name, strings.TrimSpace(after)
		}
	}
}

func TestFollowingShowsWhatIsDecidedFromThenOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.decide(&consolepb.Decision{RequestId: "before", Outcome: "deny"})
	in, resp := w.open(w.signIn("manager", nil), "/decisions/live?outcome=deny")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	if line, err := in.ReadString('\n'); err != nil || line != ": here\n" {
		t.Fatalf("%q, %v", line, err)
	}
	w.decide(&consolepb.Decision{RequestId: "other", Outcome: "allow"})
	w.decide(&consolepb.Decision{RequestId: "after", Outcome: "deny", Path: "/a\nevent: end\ndata: x", Email: "<b>"})
	name, data := event(t, in)
	var row struct {
		Cells   []struct{ Text, Tone string }
		Actions []struct{ Link string }
	}
	if err := json.Unmarshal([]byte(data), &row); err != nil || name != "row" {
		t.Fatalf("%s %s: %v", name, data, err)
	}
	if row.Cells[1].Tone != "deny" || row.Cells[2].Text != "<b>" || row.Actions[0].Link != "/explain?request=after" {
		t.Errorf("%s", data)
	}
}

// TestFollowingEndsWithTheRole: by the end of the session, and by another
// configuration.
func TestFollowingEndsWithTheRole(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*world, string){
		"the session ends": func(w *world, session string) {
			if err := w.client.DeleteSession(w.t.Context(), session); err != nil {
				w.t.Error(err)
			}
		},
		"the role goes": func(w *world, _ string) {
			w.roles("email: {is: admin@example.com}", "email: {is: manager@example.com}", "email: {is: nobody@example.com}")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.followCheck = 5 * time.Millisecond
			viewer := w.signIn("viewer", nil)
			in, _ := w.open(viewer, "/decisions/live")
			stream, err := consolepb.NewDecisionServiceClient(w.route()).FollowDecisions(
				metadata.AppendToOutgoingContext(t.Context(), assertion.Header, w.assert(viewer, consoleHost)), &consolepb.FollowDecisionsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // it goes on while the role is there
				if _, err := stream.Recv(); err != nil {
					t.Fatal(err)
				}
			}
			lose(w, viewer)
			if name, data := event(t, in); name != "end" || data != "refused" {
				t.Errorf("event %q %q", name, data)
			}
			if _, err := in.ReadString(0); err != io.EOF {
				t.Errorf("it goes on: %v", err)
			}
			for err == nil {
				_, err = stream.Recv()
			}
			if status.Code(err) != codes.PermissionDenied {
				t.Errorf("gRPC ends with %v", err)
			}
			if n := w.made.following(); n != 0 {
				t.Errorf("%d still listen", n)
			}
		})
	}
}
