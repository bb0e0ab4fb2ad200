package memory_test

import (
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/memory"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) (store.Store, func() store.Store) { return memory.New(), nil })
}
