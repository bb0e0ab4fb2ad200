package filewatch

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxEntries bounds how many files of a watched folder are compared by a poll.
const maxEntries = 4096

// state is what a poll compares: file name -> what it was like.
type state map[string]stamp

type stamp struct {
	resolved string // where the symbolic links lead; empty: it is not there
	modified time.Time
	size     int64
}

// observe looks at every path, and at every file in those that are folders.
func observe(paths []string) state {
	s := make(state)
	for _, path := range paths {
		s.add(path)
		entries, err := os.ReadDir(path)
		if err != nil {
			continue // not a folder, or not readable: its own stamp says so
		}
		for _, e := range entries[:min(len(entries), maxEntries)] {
			s.add(filepath.Join(path, e.Name()))
		}
	}
	return s
}

func (s state) add(path string) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		s[path] = stamp{}
		return
	}
	info, err := os.Stat(resolved)
	if err != nil {
		s[path] = stamp{}
		return
	}
	s[path] = stamp{resolved: resolved, modified: info.ModTime(), size: info.Size()}
}

func (s state) equal(other state) bool { return maps.Equal(s, other) }

// targets are the folders to watch for paths, and the names in them that matter.
type targets struct {
	dirs  map[string]bool // folder -> everything in it matters
	names map[string]bool // full file names that matter
}

// locate finds where changes of paths can show: the folder of each path, the folder that holds the file its
// links lead to, and a watched folder itself. Of a folder that is not there, its nearest ancestor.
func locate(paths []string) targets {
	t := targets{dirs: make(map[string]bool), names: make(map[string]bool)}
	for _, path := range paths {
		path = filepath.Clean(path)
		t.name(path)
		t.links(path)
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		t.name(resolved)
		if info, err := os.Stat(resolved); err == nil && info.IsDir() {
			t.dirs[path] = true
		}
	}
	return t
}

func (t targets) name(path string) {
	t.names[path] = true
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			if !t.dirs[dir] {
				t.dirs[dir] = false
			}
			return
		}
		t.names[dir] = true // its appearance matters
		if dir == filepath.Dir(dir) {
			return
		}
	}
}

// links adds the symbolic links on the way to path: one that is swapped leads elsewhere.
func (t targets) links(path string) {
	for at := path; at != filepath.Dir(at); at = filepath.Dir(at) {
		if info, err := os.Lstat(at); err == nil && info.Mode()&os.ModeSymlink != 0 {
			t.name(at)
		}
	}
}

// concern reports whether an event about the file name may be one of a watched file. Kubernetes replaces
// everything in a mounted folder by swapping the link "..data".
func (t targets) concern(name string) bool {
	name = filepath.Clean(name) // an event in "." is of "./name"
	_, folder := t.dirs[name]
	return folder || t.names[name] || t.dirs[filepath.Dir(name)] || strings.HasPrefix(filepath.Base(name), "..")
}
