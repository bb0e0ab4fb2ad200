package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// staleTimeout is how long the owner of a socket that is in the way has to accept.
const staleTimeout = time.Second

// unixListener is a unix socket that removes its file when it is closed, if the file is still its own.
type unixListener struct {
	*net.UnixListener
	path    string
	file    fs.FileInfo
	closing sync.Once
}

// listenUnix binds a unix socket at path, with the permissions that mode has in octal digits. A socket on which nobody
// listens any more is replaced; anything else in the way is an error, and stays.
func listenUnix(ctx context.Context, path, mode string) (*unixListener, error) {
	permissions, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return nil, fmt.Errorf("mode %q of a unix socket: %w", mode, err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	ln, err := (&net.ListenConfig{Control: narrow(uint32(permissions))}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	l := &unixListener{UnixListener: ln.(*net.UnixListener), path: path}
	l.SetUnlinkOnClose(false) // it would remove whatever is there by then
	err = errors.Join(
		os.Chmod(path, fs.FileMode(permissions)), // gives back what the umask has taken
		l.remember())
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// narrow sees to it that a socket's file has no more than permissions, from its first moment. On Linux the file gets
// what the socket has, less the umask; elsewhere this does nothing, and the umask rules until chmod.
func narrow(permissions uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), permissions) })
	}
}

// remember notes which file is the listener's.
func (l *unixListener) remember() (err error) {
	l.file, err = os.Lstat(l.path)
	return err
}

// removeStale removes the socket at path if nobody listens on it.
func removeStale(ctx context.Context, path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case file.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is no socket: remove it, or choose another path")
	}
	c, err := (&net.Dialer{Timeout: staleTimeout}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close() // it has served its purpose
		return syscall.EADDRINUSE
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket is in the way, and whether it is in use cannot be told: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove a socket that nobody listens on: %w", err)
	}
	return nil
}

// Close ends Accept and removes the socket's file.
func (l *unixListener) Close() error {
	err := l.UnixListener.Close()
	l.closing.Do(func() {
		if now, gone := os.Lstat(l.path); gone == nil && l.file != nil && os.SameFile(now, l.file) {
			err = errors.Join(err, os.Remove(l.path))
		}
	})
	return err
}
