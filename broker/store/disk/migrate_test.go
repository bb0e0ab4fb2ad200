package disk_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// TestMigrate: from format 1 to 3, with an end in each step, after which all that is on the disk is what was synced.
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
				s, err := disk.OpenMigrating(disk.Options{Dir: crashDir, FS: fs, Log: quiet}, step("2"), step("3"))
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
			want := []string{"2a 2b 3a 3b", "2a 2b 3a 3b", "2a 2a 2b 3a 3b", "2a 2b 3a 3b", "2a 2b 3a 3a 3b"}[dieAt]
			if got := strings.Join(did, " "); got != want {
				t.Errorf("the steps were %s instead of %s", got, want)
			}
			if _, err := disk.OpenWith(disk.Options{Dir: crashDir, FS: fs}); err == nil || !strings.Contains(err.Error(), "its format is 3, and this program knows 1 to 1") {
				t.Errorf("a newer format: error %v", err)
			}
		})
	}
}
