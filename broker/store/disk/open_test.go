package disk_test

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// edit changes the database in dir behind the store's back.
func edit(t *testing.T, dir string, fn func(*pebble.DB)) {
	t.Helper()
	db, err := pebble.Open(filepath.Join(dir, "data"), &pebble.Options{FormatMajorVersion: pebble.FormatTableFormatV6})
	noError(t, err)
	fn(db)
	noError(t, db.Close())
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	noError(t, os.WriteFile(file, nil, 0o600))
	for _, test := range []struct {
		name, dir, want string
		prepare         func(*pebble.DB)
	}{
		{"no name", "", "no folder", nil},
		{"a file", file, file, nil},
		{"a newer format", t.TempDir(), "its format is 3", func(db *pebble.DB) {
			noError(t, db.Set([]byte("format"), []byte("3"), pebble.Sync))
		}},
		{"no format", t.TempDir(), `its format is "x"`, func(db *pebble.DB) {
			noError(t, db.Set([]byte("format"), []byte("x"), pebble.Sync))
		}},
		{"another database", t.TempDir(), "another program", func(db *pebble.DB) {
			noError(t, db.Set([]byte("key"), []byte("x"), pebble.Sync))
		}},
		{"a damaged retained record", t.TempDir(), `retained record of "a/b"`, func(db *pebble.DB) {
			noError(t, db.Set([]byte("format"), []byte("1"), pebble.Sync))
			noError(t, db.Set([]byte("ra/b"), []byte("1234\x00\x00\x00\x00\x00\x00\x00\x00x"), pebble.Sync)) // but for its checksum it is one
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.prepare != nil {
				edit(t, test.dir, test.prepare)
			}
			for range 2 { // the folder is not left locked
				s, err := disk.Open(test.dir, quiet)
				if s != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "open store") {
					t.Errorf("Open returned %v, error %v", s, err)
				}
			}
		})
	}
}

// TestOpenTwice: one folder has one store, in this process and in another.
func TestOpenTwice(t *testing.T) {
	if dir := os.Getenv("DUNLIN_TEST_OPEN"); dir != "" {
		if _, err := disk.Open(dir, quiet); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := mustOpen(t, disk.Options{Dir: dir})
	if _, err := disk.Open(dir, quiet); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another broker") {
		t.Errorf("the second Open returned error %v", err)
	}
	other := exec.Command(os.Args[0], "-test.run=^TestOpenTwice$")
	other.Env = append(os.Environ(), "DUNLIN_TEST_OPEN="+dir)
	if out, err := other.CombinedOutput(); err == nil || !strings.Contains(string(out), "another broker") {
		t.Errorf("another process: %v\n%s", err, out)
	}
	noError(t, s.Close())
	noError(t, mustOpen(t, disk.Options{Dir: dir}).Close())
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode is %v, error %v", info.Mode(), err)
	}
}

// TestDamage: what the disk returns is not taken for granted.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	o := disk.Options{Dir: dir, MaxBytes: 8 << 20} // small files of the log
	s := mustOpen(t, o)
	p := acquire(t, s, 3)
	for range 20 {
		_, err := p.AppendAndWait(strings.Repeat("x", 100<<10))
		noError(t, err)
	}
	noError(t, s.Close())
	read := func() (n int, err error) {
		s := mustOpen(t, o)
		defer s.Close() //nolint:errcheck // only read
		err = acquire(t, s, 3).Read(t.Context(), 0, func(uint64, []byte) error { n++; return nil })
		return n, err
	}
	first := filepath.Join(dir, "data", "000000000001.seg")
	content, err := os.ReadFile(first)
	noError(t, err)
	noError(t, os.WriteFile(first, []byte(flip(string(content), 350<<10)), 0o600))
	if n, err := read(); err == nil || n != 3 || !strings.Contains(err.Error(), first+" is damaged at offset") || !strings.Contains(err.Error(), "partition 3") {
		t.Errorf("a damaged record: %d are read, error %v", n, err)
	}
	noError(t, os.Remove(first))
	if _, err := read(); err == nil || !strings.Contains(err.Error(), "record 1: it was not dropped, and is not there; restore it") {
		t.Errorf("a missing record: error %v", err)
	}
}
