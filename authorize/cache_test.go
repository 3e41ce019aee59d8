package authorize

import (
	"strconv"
	"testing"
)

func TestCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	const size = 1000
	c := newCache[string, int](size)
	c.put("used", -1)
	for i := range 50 * size {
		c.put(strconv.Itoa(i), i)
		if v, ok := c.get("used"); !ok || v != -1 {
			t.Fatalf("after %d others: get(used) = %d, %v", i, v, ok)
		}
	}
	held := 0
	for i := range c.shards {
		held += len(c.shards[i].young) + len(c.shards[i].old)
	}
	if held > size {
		t.Errorf("holds %d values, want at most %d", held, size)
	}
	if v, ok := c.get(strconv.Itoa(50*size - 1)); !ok || v != 50*size-1 {
		t.Errorf("the newest is %d, %v", v, ok)
	}
	if _, ok := c.get("0"); ok {
		t.Error("the oldest is still there")
	}
}

func TestCacheComparesWholeKeys(t *testing.T) {
	c := newCache[ticketKey, int](64)
	c.put(ticketKey{"ab", "c"}, 1)
	if _, ok := c.get(ticketKey{"a", "bc"}); ok {
		t.Error("a ticket of one host is found under another")
	}
}
