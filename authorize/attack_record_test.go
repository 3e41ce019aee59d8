package authorize

import (
	"runtime"
	"strings"
	"testing"
)

// Texts of a request are parts of Envoy's message. What is recorded waits for the
// disk, and must not keep the cookies and the bulk of the request in memory.
func TestRecordedDecisionsLetGoOfTheRequest(t *testing.T) {
	h := newHouse(t, map[string]string{"app": "allow: {or: [{http_header/X-Env: prod}]}"}, nil)
	k := &kept{}
	h.recorder = k
	const requests, size = 400, 60 << 10
	big := strings.Repeat("x", size)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range requests {
		h.ask(question{route: "app", path: "/a?b=c", headers: map[string]string{"x-env": "prod", "x-big": big}})
	}
	if grown := int64(heap()) - int64(before); grown > requests*size/4 {
		t.Errorf("%d recorded decisions keep %d bytes", len(k.all), grown)
	}
	runtime.KeepAlive(k)
}
