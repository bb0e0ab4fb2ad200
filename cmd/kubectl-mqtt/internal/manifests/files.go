package manifests

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFileBytes bounds a file: more than any hand or tool writes for a broker.
const maxFileBytes = 16 << 20

// extensions are what a file in a folder must end with to be read.
var extensions = []string{".yaml", ".yml", ".json"}

// find lists the files that paths lead to, and the folders in which others may appear. Folders are
// searched to any depth, but for those whose name begins with a dot, and for skip ("": none).
func find(paths []string, skip string) (files, dirs []string, problems Problems) {
	for _, path := range paths {
		if path == "-" {
			files = append(files, path)
			continue
		}
		err := filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && at != path && (strings.HasPrefix(entry.Name(), ".") || same(at, skip)):
				return fs.SkipDir
			case entry.IsDir():
				dirs = append(dirs, at)
			case at == path || slices.Contains(extensions, filepath.Ext(at)) && !strings.HasPrefix(entry.Name(), "."):
				files = append(files, at)
			}
			return nil
		})
		if err != nil {
			problems = append(problems, Problem{Source: Source{File: path}, Message: reason(err)})
		}
	}
	slices.Sort(files)
	slices.Sort(dirs)
	return slices.Compact(files), slices.Compact(dirs), problems
}

// read returns the content of a file; "-" is stdin.
func read(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, errors.New(reason(err))
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFileBytes+1))
	if err != nil {
		return nil, errors.New(reason(err))
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("larger than %d MiB", maxFileBytes>>20)
	}
	return data, nil
}

// reason is err without the path, which the problem names already.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// same says whether two paths are the same, "" never.
func same(a, b string) bool {
	if b == "" {
		return false
	}
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}
