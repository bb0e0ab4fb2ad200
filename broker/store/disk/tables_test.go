package disk_test

import (
	"bytes"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

// A table has the records of one partition, or none: otherwise logs would be merged over and over.
func TestTablesOfOnePartition(t *testing.T) {
	s := mustOpen(t, disk.Options{Dir: t.TempDir()})
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	stored := make(chan error)
	storetest.Retain(s, "topic", []byte("retained"), func(err error) { stored <- err })
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	for n := range store.Partitions {
		p := storetest.Acquire(t, s, n)
		for range 3 {
			if _, err := p.AppendAndWait("record"); err != nil {
				t.Fatal(err)
			}
		}
		p.Checkpoint([]store.KV{{Key: "key", Value: []byte("value")}}, 1, nil, func(err error) { stored <- err })
		if err := <-stored; err != nil {
			t.Fatal(err)
		}
	}
	tables, err := disk.Tables(s)
	if err != nil {
		t.Fatal(err)
	}
	logs := 0
	for _, keys := range tables {
		first, last := keys[0], keys[1]
		if first[0] != 'l' && last[0] != 'l' {
			continue
		}
		logs++
		if !bytes.Equal(first[:2], last[:2]) {
			t.Errorf("a table has the keys from %x to %x", first, last)
		}
	}
	if logs != store.Partitions {
		t.Errorf("%d tables have records, not %d", logs, store.Partitions)
	}
}
