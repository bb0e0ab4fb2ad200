package segment

import (
	"errors"
	"fmt"
)

// ErrDamaged is in the errors about what the disk returns and nobody has written.
var ErrDamaged = errors.New("damaged")

// ErrUnsynced is in the errors about what was written, could not be synced, and is not there any more.
var ErrUnsynced = errors.New("what was not synced is gone")

var (
	errChecksum = errors.New("its checksum is wrong")
	errNoBlock  = errors.New("no block of this file begins here")
	errEnds     = errors.New("it ends early")
	errPassed   = errors.New("a record that should come before this block does not")
)

// isInvalid says whether err tells of what a file has, and not of how reading it went.
func isInvalid(err error) bool {
	return errors.Is(err, errChecksum) || errors.Is(err, errNoBlock) || errors.Is(err, errEnds) || errors.Is(err, errPassed)
}

// damage says that a file is damaged at an offset.
func damage(path string, offset int64, err error) error {
	return fmt.Errorf("%s is %w at offset %d: %w", path, ErrDamaged, offset, err)
}

// unsynced says that of a file what was written from an offset on, and not synced, is gone.
func unsynced(path string, offset int64, err error) error {
	return fmt.Errorf("%s at offset %d: %w: %w", path, offset, ErrUnsynced, err)
}
