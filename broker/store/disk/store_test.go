package disk_test

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

func TestStore(t *testing.T) {
	for name, o := range map[string]disk.Options{
		"": {}, "interval": {Sync: disk.Interval}, "retained records on disk": {RetainedMemoryBytes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
				o.Dir = t.TempDir()
				reopen := func() store.Store { return mustOpen(t, o) }
				return reopen(), reopen
			})
		})
	}
}

// mustOpen opens a store that logs to the test.
func mustOpen(t testing.TB, o disk.Options) store.Store {
	t.Helper()
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := disk.OpenWith(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
