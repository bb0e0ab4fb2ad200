package disk

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// errLost is in the errors about what should be there.
var errLost = errors.New("it was not dropped, and is not there")

// explain adds to an error about damage which file it is in, where that is known, and what to do.
func (s *Store) explain(err error) error {
	switch {
	case errors.Is(err, errDamaged), errors.Is(err, errLost):
		return fmt.Errorf("%w; restore it from a backup", err)
	case !pebble.IsCorruptionError(err):
		return err
	}
	file, ok := s.damaged.Load().(string)
	if !ok {
		if file = damagedLog(s.fs, s.dataDir()); file == "" {
			file = s.dataDir()
		}
	}
	return fmt.Errorf("%w; %s is damaged: restore it from a backup", err, file)
}

// probe opens the database without changing anything, so that what cannot be opened stays as it is, and warns of what is
// going to be cut off.
func (s *Store) probe() error {
	desc, err := pebble.Peek(s.dataDir(), s.fs)
	if err != nil || !desc.Exists {
		return err
	}
	o := s.pebbleOptions()
	o.ReadOnly = true
	db, err := pebble.Open(s.dataDir(), o)
	if err != nil && !pebble.IsCorruptionError(err) { // of a file that is missing or too short, Pebble does not say that it is
		return fmt.Errorf("%w; unless that can be put right, restore it from a backup", err)
	}
	if err != nil {
		return err
	}
	_, err = s.storedFormat(db)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if logs := logsOf(s.fs, s.dataDir()); len(logs) > 0 {
		if path, at, err := readLog(logs[len(logs)-1]); errors.Is(err, record.ErrUnexpectedEOF) {
			s.opts.Log.Warn("the end of a log is incomplete and is cut off: the process or the machine stopped while it was written", "path", path, "offset", at)
		}
	}
	return nil
}

// damagedLog is the path of the first log that cannot be read to its end; "": none.
func damagedLog(fs vfs.FS, dir string) string {
	logs := logsOf(fs, dir)
	for i, log := range logs {
		path, _, err := readLog(log)
		torn := errors.Is(err, record.ErrUnexpectedEOF) && i == len(logs)-1
		if err != nil && !torn {
			return path
		}
	}
	return ""
}

// logsOf are Pebble's logs, the oldest first; none if they cannot be listed.
func logsOf(fs vfs.FS, dir string) wal.Logs {
	logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: dir})
	if err != nil {
		return nil
	}
	return logs
}

// readLog reads a log and returns its path and how far that went; the error is nil if it ends where it should.
func readLog(log wal.LogicalLog) (path string, offset int64, err error) {
	_, path = log.SegmentLocation(0)
	r := log.OpenForRead()
	defer r.Close() //nolint:errcheck // it was only read
	for {
		rec, at, err := r.NextRecord()
		if err == nil {
			offset = at.Physical
			_, err = io.Copy(io.Discard, rec)
		}
		if errors.Is(err, io.EOF) {
			return path, offset, nil
		}
		if err != nil {
			return path, offset, err
		}
	}
}
