package databroker_test

import (
	"testing"

	"github.com/cardea-proxy/cardea/databroker"
	"github.com/cardea-proxy/cardea/databroker/storetest"
)

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Options{
		Open: func(_ *testing.T, logSize int) databroker.Store {
			return databroker.NewMemoryStore(databroker.MemoryOptions{LogSize: logSize})
		},
	})
}
