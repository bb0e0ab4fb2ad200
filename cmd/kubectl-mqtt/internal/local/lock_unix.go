//go:build unix

package local

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock takes f for this process, until it is closed; an error if another has it.
func lock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
