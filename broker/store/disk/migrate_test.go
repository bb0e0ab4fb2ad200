package disk_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// TestMigrate: from format 2 to 4, with an end in each step, after which all that is on the disk is what was synced.
func TestMigrate(t *testing.T) {
	errKilled := errors.New("killed")
	for dieAt := range 5 {
		t.Run(fmt.Sprint("dies at ", dieAt), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs})
			_, err := acquire(t, s, 0).AppendAndWait("kept")
			noError(t, err)
			noError(t, s.Close())
			var did []string
			at := 0
			step := func(name string) func(*pebble.DB) error {
				return func(db *pebble.DB) error {
					for _, half := range []string{"a", "b"} {
						if at++; at == dieAt {
							return errKilled
						}
						did = append(did, name+half)
						if err := db.Set([]byte("x"+name+half), nil, pebble.NoSync); err != nil {
							return err
						}
					}
					return nil
				}
			}
			open := func() error {
				s, err := disk.OpenMigrating(disk.Options{Dir: crashDir, FS: fs, Log: quiet}, step("3"), step("4"))
				if err != nil {
					return err
				}
				if got := fmt.Sprint(readAll(t, acquire(t, s, 0))); got != "[kept]" {
					t.Errorf("the records are %v", got)
				}
				return s.Close()
			}
			if err := open(); (dieAt > 0) != errors.Is(err, errKilled) {
				t.Fatalf("Open returned error %v", err)
			}
			fs = fs.CrashClone(vfs.CrashCloneCfg{})
			noError(t, open())
			noError(t, open()) // nothing is left to do
			want := []string{"3a 3b 4a 4b", "3a 3b 4a 4b", "3a 3a 3b 4a 4b", "3a 3b 4a 4b", "3a 3b 4a 4a 4b"}[dieAt]
			if got := strings.Join(did, " "); got != want {
				t.Errorf("the steps were %s instead of %s", got, want)
			}
			if _, err := disk.OpenWith(disk.Options{Dir: crashDir, FS: fs}); err == nil || !strings.Contains(err.Error(), "its format is 4, and this program knows 1 to 2") {
				t.Errorf("a newer format: error %v", err)
			}
		})
	}
}

// TestMigrateFrom1: in format 1 all records were in the database, which had a log of its own; a loss of power may have come since.
func TestMigrateFrom1(t *testing.T) {
	fs := vfs.NewCrashableMem()
	noError(t, fs.MkdirAll(dataDir, 0o700))
	for _, dir := range []string{"", "data", crashDir} {
		d, err := fs.OpenDir(dir)
		noError(t, err)
		noError(t, d.Sync())
	}
	db, err := pebble.Open(dataDir, &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatTableFormatV6})
	noError(t, err)
	noError(t, db.Set([]byte("format"), []byte("1"), pebble.Sync))
	set := func(key, value string) {
		crc := crc32.Checksum([]byte(key+value), crc32.MakeTable(crc32.Castagnoli))
		noError(t, db.Set([]byte(key), append(binary.BigEndian.AppendUint32(nil, crc), value...), pebble.Sync))
	}
	for seq := range byte(9) {
		set("l\x00\x00\x00\x00\x00\x00\x00\x00"+string(rune(seq+1)), fmt.Sprint("old ", seq+1))
	}
	set("m\x00", "\x00\x00\x00\x00\x00\x00\x00\x05")
	set("ra/b", "\x00\x00\x00\x00\x00\x00\x00\x00retained")
	fs = fs.CrashClone(vfs.CrashCloneCfg{})
	for round := range 3 {
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs})
		p := acquire(t, s, 0)
		_, err := p.AppendAndWait("new")
		noError(t, err)
		want := "[old 1 old 2 old 3 old 4 old 5 old 6 old 7 old 8 old 9 new]"
		if round > 0 {
			want = strings.TrimSuffix(strings.Replace(want, " old 2 old 3", "", 1), "]") + strings.Repeat(" new", round) + "]"
		}
		var got []string
		noError(t, p.Read(t.Context(), 0, func(_ uint64, rec []byte) error { got = append(got, string(rec)); return nil }))
		if fmt.Sprint(got) != want || s.RetainedCount() != 1 {
			t.Errorf("round %d: the records are %v instead of %s; %d retained", round, got, want, s.RetainedCount())
		}
		noError(t, checkpointAndWait(p, nil, 5, store.Range{From: 2, To: 4}))
		noError(t, s.Close())
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
	}
	noError(t, db.Close())
}
