package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
)

// Progress is told of each part of a transfer: the bytes so far.
type Progress func(bytes int64)

// Save writes a backup of the broker to file, which appears under its name only when it is whole and on the disk. It
// can be read by its owner only: a backup has every message that waits. Without force no file is replaced.
func Save(ctx context.Context, t adminapi.Target, file string, force bool, progress Progress) (size int64, err error) {
	if err := free(file, force); err != nil {
		return 0, err
	}
	c, err := t.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	part := file + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return 0, fmt.Errorf("write backup: %w", err)
	}
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("write backup: %w", err)
	}
	size, err = c.Backup(ctx, &counted{to: out, progress: progress})
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err == nil {
		err = free(file, force) // it may have appeared meanwhile
	}
	if err == nil {
		err = os.Rename(part, file)
	}
	if err != nil {
		return size, errors.Join(err, os.Remove(part))
	}
	return size, syncDir(filepath.Dir(file))
}

// free says whether file may be written.
func free(file string, force bool) error {
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write backup: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("write backup: %s is not a file", file)
	case !force:
		return fmt.Errorf("write backup: %s is there already: choose another name, or replace it with --force", file)
	}
	return nil
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("sync folder of the backup: %w", err)
	}
	return nil
}

// counted tells of what passes: to to, or from from.
type counted struct {
	to       io.Writer
	from     io.Reader
	progress Progress
	bytes    int64
}

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.add(n)
	return n, err
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.add(n)
	return n, err
}

func (c *counted) add(n int) {
	c.bytes += int64(n)
	c.progress(c.bytes)
}
