package disk_test

import (
	"bytes"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

const dataDir = crashDir + "/data"

// files returns the contents of the files of the database.
func files(t *testing.T, fs vfs.FS) map[string]string {
	t.Helper()
	names, err := fs.List(dataDir)
	noError(t, err)
	out := map[string]string{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dataDir, name))
		noError(t, err)
		content, err := io.ReadAll(f)
		noError(t, err)
		noError(t, f.Close())
		out[name] = string(content)
	}
	return out
}

func writeFile(t *testing.T, fs vfs.FS, name, content string) {
	t.Helper()
	f, err := fs.Create(fs.PathJoin(dataDir, name), vfs.WriteCategoryUnspecified)
	noError(t, err)
	_, err = f.Write([]byte(content))
	noError(t, err)
	noError(t, f.Sync())
	noError(t, f.Close())
}

// of are the names of files that begin or end so, the oldest first.
func of(files map[string]string, part string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return !strings.HasPrefix(name, part) && !strings.HasSuffix(name, part) })
}

// crashed returns a store as two losses of power leave it: records 1 to 200 are in an older file of the log, 201 to 400 in the
// newest, and, with logs, more in several.
func crashed(t *testing.T, logs bool) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, Log: quiet})
	write := func(p *storetest.Log, n int) {
		for range n {
			_, err := p.AppendAndWait(strings.Repeat("record ", 50))
			noError(t, err)
		}
		noError(t, writeAndWait(s, &store.Write{Retain: []store.Retained{{Topic: "t", Record: []byte("x")}}}))
	}
	write(acquire(t, s, 0), 200)
	left := fs.CrashClone(vfs.CrashCloneCfg{})
	noError(t, s.Close())
	fs = left
	o := disk.Options{Dir: crashDir, FS: fs, Log: quiet}
	if logs {
		o.MaxBytes = 8 << 20 // small files
	}
	s = mustOpen(t, o)
	p := acquire(t, s, 0)
	if write(p, 200); logs {
		write(p, 3000)
	}
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	noError(t, s.Close())
	return clone
}

// reopen opens the store on fs and reads all of it; it returns the number of records, what it logged, and the error.
func reopen(t *testing.T, fs vfs.FS) (n int, logged string, err error) {
	t.Helper()
	var log bytes.Buffer
	s, err := disk.OpenWith(disk.Options{Dir: crashDir, FS: fs, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		return 0, log.String(), err
	}
	p, err := s.Acquire(t.Context(), 0)
	if err == nil {
		err = p.Read(t.Context(), 0, func(uint64, []byte) error { n++; return nil })
	}
	_ = s.Close()
	return n, log.String(), err
}

// TestTornTail: what a crash has left of the end of the newest log is cut, with a warning that names the file.
func TestTornTail(t *testing.T) {
	for name, tear := range map[string]func(string) string{
		"cut off in a record": func(s string) string { return s[:len(s)-100] },
		"garbage at the end":  func(s string) string { return s + strings.Repeat("\xa5garbage", 20) },
		"zeros at the end":    func(s string) string { return s + strings.Repeat("\x00", 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := crashed(t, false)
			logs := of(files(t, fs), ".seg")
			last := logs[len(logs)-1]
			writeFile(t, fs, last, tear(files(t, fs)[last]))
			n, logged, err := reopen(t, fs)
			if err != nil || n < 399 || n > 400 {
				t.Errorf("%d records, error %v", n, err)
			}
			if !strings.Contains(logged, "level=WARN") || !strings.Contains(logged, last) {
				t.Errorf("no warning names %s:\n%s", last, logged)
			}
			if _, logged, err := reopen(t, fs); err != nil || strings.Contains(logged, "level=WARN") {
				t.Errorf("once more: error %v\n%s", err, logged)
			}
		})
	}
	if _, logged, err := reopen(t, crashed(t, false)); err != nil || strings.Contains(logged, "level=WARN") {
		t.Errorf("nothing is torn: error %v\n%s", err, logged)
	}
}

// TestCorruption: damage anywhere else is an error that names the file and says what to do, and no file is changed.
func TestCorruption(t *testing.T) {
	for _, test := range []struct {
		name, file string
		last, logs bool
		second     bool
		damage     func(string) string
	}{
		{name: "the newest log, before what is good", file: ".seg", last: true, damage: func(s string) string { return flip(s, len(s)/3) }},
		{name: "the head of the newest log", file: ".seg", last: true, damage: func(s string) string { return flip(s, 20) }},
		{name: "an older log", file: ".seg", logs: true, damage: func(s string) string { return flip(s, len(s)/2) }},
		{name: "the end of an older log", file: ".seg", logs: true, damage: func(s string) string { return s[:len(s)-1000] }},
		{name: "the index of an older log", file: ".seg", logs: true, second: true, damage: func(s string) string { return flip(s, len(s)-20) }},
		{name: "a table", file: ".sst", damage: func(s string) string { return flip(s, 300) }},
		{name: "the end of a table", file: ".sst", damage: func(s string) string { return s[:len(s)-50] }},
		{name: "the manifest", file: "MANIFEST-", last: true, damage: func(s string) string { return flip(s, 20) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := crashed(t, test.logs)
			names := of(files(t, fs), test.file)
			name := names[0]
			if test.second {
				name = names[1]
			}
			if test.last {
				name = names[len(names)-1]
			}
			if test.logs && len(names) < 2 {
				t.Fatalf("there is no older log: %v", names)
			}
			writeFile(t, fs, name, test.damage(files(t, fs)[name]))
			before := files(t, fs)
			n, _, err := reopen(t, fs)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "restore it from a backup") {
				t.Errorf("%d records, error %v", n, err)
			}
			after := files(t, fs)
			for name, content := range before {
				if now, ok := after[name]; !ok || now != content {
					t.Errorf("%s was changed: it is there %v, and has %d bytes instead of %d", name, ok, len(now), len(content))
				}
			}
		})
	}
}

func flip(s string, at int) string {
	b := []byte(s)
	b[at] ^= 0x10
	return string(b)
}
