package mosquitto

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxFileBytes = 4 << 20 // of each file
	maxIncluded  = 256     // files of include_dir
)

// place is where something stands.
type place struct {
	file string
	line int
}

// String is file:line.
func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// directive is a line of a configuration file: a name, and what follows it.
type directive struct {
	place
	name, value string
}

// parse reads a configuration, without what it includes.
func parse(data []byte, file string) []directive {
	var out []directive
	eachLine(data, func(n int, line string) {
		name, value, _ := strings.Cut(line, " ")
		out = append(out, directive{place{file, n}, name, strings.TrimSpace(value)})
	})
	return out
}

// eachLine calls fn for each line that says something, with tabs as spaces and none around it.
func eachLine(data []byte, fn func(n int, line string)) {
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, maxFileBytes+1)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(strings.ReplaceAll(scanner.Text(), "\t", " "))
		if line != "" && line[0] != '#' {
			fn(n, line)
		}
	}
}

// readFile reads a whole file of a bounded size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("read %s: it has more than %d bytes", path, maxFileBytes)
	}
	return data, nil
}

// read reads a configuration, and in place of each include_dir the files in it whose names end in .conf.
func read(path string) ([]directive, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("read mosquitto's configuration: %w", err)
	}
	var out []directive
	for _, d := range parse(data, path) {
		if d.name != "include_dir" {
			out = append(out, d)
			continue
		}
		included, err := readDir(d)
		if err != nil {
			return nil, err
		}
		out = append(out, included...)
	}
	return out, nil
}

func readDir(d directive) ([]directive, error) {
	entries, err := os.ReadDir(d.value)
	if err != nil {
		return nil, fmt.Errorf("%s: include_dir: %w", d.place, err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".conf") && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) > maxIncluded {
		return nil, fmt.Errorf("%s: include_dir: %s has %d files, and %d are read at most", d.place, d.value, len(names), maxIncluded)
	}
	slices.Sort(names) // as mosquitto does
	var out []directive
	for _, name := range names {
		path := filepath.Join(d.value, name)
		data, err := readFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: include_dir: %w", d.place, err)
		}
		out = append(out, parse(data, path)...)
	}
	return out, nil
}
