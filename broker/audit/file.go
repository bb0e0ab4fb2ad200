package audit

import (
	"fmt"
	"os"
)

// file is a file that gives way to a new one when it has grown to most bytes: the last one is kept as PATH.1.
type file struct {
	path string
	most int64
	f    *os.File
	size int64
}

func openFile(path string, most int64) (*file, error) {
	f := &file{path: path, most: most}
	return f, f.open()
}

func (f *file) open() error {
	opened, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	info, err := opened.Stat()
	if err != nil {
		_ = opened.Close() // the error that matters is err
		return fmt.Errorf("open audit log: %w", err)
	}
	f.f, f.size = opened, info.Size()
	return nil
}

// Write appends b, which is whole lines.
func (f *file) Write(b []byte) (int, error) {
	if f.f == nil { // the last turn has failed
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	if f.size > 0 && f.size+int64(len(b)) > f.most {
		if err := f.turn(); err != nil {
			return 0, err
		}
	}
	n, err := f.f.Write(b)
	f.size += int64(n)
	return n, err
}

func (f *file) turn() error {
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.path, f.path+".1"); err != nil {
		return fmt.Errorf("turn audit log over: %w", err)
	}
	return f.open()
}

// Close closes the file.
func (f *file) Close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
