package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What a store's folder has, beside LOCK.
const (
	dataName       = "data"      // the database
	stagingName    = "staging"   // LOCK of Stage
	partialName    = "partial"   // a database that Stage is making
	stagedPrefix   = "staged-"   // databases that Stage has made; that of the highest number counts
	replacedPrefix = "replaced-" // databases that staged ones have replaced; that of the highest number is kept
)

// swap puts the database that was staged last in the place of the present one, which is kept. After each step a crash may come: the
// next swap goes on from there.
func swap(fs vfs.FS, dir string) error {
	staged, err := numbered(fs, dir, stagedPrefix)
	if err != nil || len(staged) == 0 {
		return err
	}
	replaced, err := numbered(fs, dir, replacedPrefix)
	if err != nil {
		return err
	}
	data := fs.PathJoin(dir, dataName)
	if _, err := fs.Stat(data); err == nil {
		next := 1
		if len(replaced) > 0 {
			next = replaced[len(replaced)-1] + 1
		}
		if err := errors.Join(fs.Rename(data, numberedPath(fs, dir, replacedPrefix, next)), syncDir(fs, dir)); err != nil {
			return fmt.Errorf("put %s aside: %w", data, err)
		}
		replaced = append(replaced, next)
	}
	last := len(staged) - 1
	from := numberedPath(fs, dir, stagedPrefix, staged[last])
	if err := errors.Join(fs.Rename(from, data), syncDir(fs, dir)); err != nil {
		return fmt.Errorf("put %s in place: %w", from, err)
	}
	return errors.Join(
		removeNumbered(fs, dir, stagedPrefix, staged[:last]),
		removeNumbered(fs, dir, replacedPrefix, replaced[:max(len(replaced)-1, 0)]))
}

// numbered are the numbers of what has a name of prefix and a number in folder dir; they ascend.
func numbered(fs vfs.FS, dir, prefix string) (numbers []int, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list folder %s: %w", dir, err)
	}
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, prefix); ok {
			if n, err := strconv.Atoi(digits); err == nil && n > 0 && strconv.Itoa(n) == digits {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

func numberedPath(fs vfs.FS, dir, prefix string, n int) string {
	return fs.PathJoin(dir, prefix+strconv.Itoa(n))
}

func removeNumbered(fs vfs.FS, dir, prefix string, numbers []int) error {
	for _, n := range numbers {
		if err := fs.RemoveAll(numberedPath(fs, dir, prefix, n)); err != nil {
			return fmt.Errorf("remove %s: %w", numberedPath(fs, dir, prefix, n), err)
		}
	}
	return nil
}

// makeDir makes dir and its parents, durably, where they are missing.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	parent := fs.PathDir(filepath.Clean(dir))
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	return syncDir(fs, parent)
}
