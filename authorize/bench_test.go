package authorize

import (
	"context"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/cardea-proxy/cardea/config"
)

// ordinary are the headers that a browser and Envoy send along.
var ordinary = map[string]string{
	"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0", "accept-language": "en-US,en;q=0.5",
	"accept-encoding": "gzip, deflate, br, zstd", "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https",
	"x-envoy-external-address": "192.0.2.7", ":authority": "app.example", ":path": "/a/b?c=d", ":method": "GET", ":scheme": "https",
}

// benchmarkCheck measures one decision, with the message taken apart and the
// answer put together as gRPC does.
func benchmarkCheck(b *testing.B, change func(*config.Config), cookie bool, recorder Recorder) {
	broker := startBroker(b)
	h := newHouseOn(b, broker, map[string]string{"app": ruleAlice}, change)
	h.recorder = recorder
	h.lines.out = io.Discard
	go h.lines.run(b.Context())
	q := question{route: "app", path: "/a/b?c=d", headers: ordinary}
	if cookie {
		q.cookie = "theme=dark; session=0123456789abcdef; " + h.cookie("s-alice", "app.example")
	}
	wire, err := proto.Marshal(q.check())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // Envoy sets a deadline
	defer cancel()
	read := func(v any) error { return Codec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, v) }
	b.ReportAllocs()
	for b.Loop() {
		out, err := serveCheck(h.Server, ctx, read, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Codec().Marshal(out); err != nil {
			b.Fatal(err)
		}
		// Only what lets through has its bytes at hand.
		if r := out.(*response); (r.wire != nil || r.message.GetOkResponse() != nil) != cookie {
			b.Fatal("the wrong answer")
		}
	}
}

func BenchmarkCheckAllow(b *testing.B) { benchmarkCheck(b, nil, true, nil) }

// BenchmarkCheckRecorded hands every decision to a recorder that forgets it.
func BenchmarkCheckRecorded(b *testing.B) { benchmarkCheck(b, nil, true, forgetful{}) }

type forgetful struct{}

func (forgetful) Record(*Recorded) {}

func BenchmarkCheckSignIn(b *testing.B) { benchmarkCheck(b, nil, false, nil) }

// BenchmarkWireAlone is what an always-yes server does to the same message.
func BenchmarkWireAlone(b *testing.B) {
	q := question{route: "app", path: "/a/b?c=d", headers: ordinary, cookie: "_pomerium=" + string(make([]byte, 200))}
	raw, err := proto.Marshal(q.check())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		in := new(authv3.CheckRequest)
		if err := proto.Unmarshal(raw, in); err != nil {
			b.Fatal(err)
		}
		if _, err := proto.Marshal(plain.message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecideAgain measures what one stream costs at a reload.
func BenchmarkDecideAgain(b *testing.B) {
	broker := startBroker(b)
	h := newHouseOn(b, broker, map[string]string{"app": ruleAlice}, nil)
	wire, err := proto.Marshal(question{route: "app", path: "/a/b?c=d", headers: ordinary, cookie: h.cookie("s-alice", "app.example")}.check())
	if err != nil {
		b.Fatal(err)
	}
	l := &leash{wire: string(wire), session: "s-alice", began: time.Now(), ended: make(chan struct{})}
	h.leashes.take(l)
	b.ReportAllocs()
	for b.Loop() {
		h.leashes.changedAll()
		if next := h.leashes.next(); next != nil {
			h.decideAgain(b.Context(), next)
		} else {
			h.decideAgain(b.Context(), l) // the first time
		}
	}
	if h.LeashStats().Open != 1 {
		b.Fatal("it was not held")
	}
}
