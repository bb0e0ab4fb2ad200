package disk

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// errLost is in the errors about what should be there.
var errLost = errors.New("it was not dropped, and is not there")

// explain adds to an error about damage which file it is in, where that is known, and what to do.
func (s *Store) explain(err error) error {
	switch {
	case errors.Is(err, errDamaged), errors.Is(err, errLost), errors.Is(err, segment.ErrDamaged):
		return fmt.Errorf("%w; restore it from a backup", err)
	case errors.Is(err, segment.ErrUnsynced):
		return fmt.Errorf("%w; start the broker again: it goes on without what was acknowledged in the last %v before that", err, s.opts.Interval)
	case !pebble.IsCorruptionError(err):
		return err
	}
	file, ok := s.damaged.Load().(string)
	if !ok {
		file = s.dataDir()
	}
	return fmt.Errorf("%w; %s is damaged: restore it from a backup", err, file)
}

// probe opens the database and the log without changing anything, so that what cannot be opened stays as it is, and warns of what is
// going to be cut off.
func (s *Store) probe() error {
	desc, err := pebble.Peek(s.dataDir(), s.fs)
	if err != nil {
		return err
	}
	number := uint64(0)
	if desc.Exists {
		if number, err = s.probeDB(); err != nil {
			return err
		}
	}
	log, err := s.openLog()
	if err != nil {
		return err
	}
	if torn := log.Torn(); torn.Path != "" {
		s.opts.Log.Warn("the end of a log is incomplete and is cut off: the process or the machine stopped while it was written", "path", torn.Path, "offset", torn.Offset)
	}
	return log.Pairs(number, func(uint64, []byte) error { return nil })
}

// probeDB returns the number of the last pairs that the database has.
func (s *Store) probeDB() (number uint64, err error) {
	o := s.pebbleOptions()
	o.ReadOnly = true
	db, err := pebble.Open(s.dataDir(), o)
	if err != nil && !pebble.IsCorruptionError(err) { // of a file that is missing or too short, Pebble does not say that it is
		return 0, fmt.Errorf("%w; unless that can be put right, restore it from a backup", err)
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := s.storedFormat(db); err != nil {
		return 0, err
	}
	return readApplied(db, false)
}
