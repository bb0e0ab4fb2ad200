package listener

import (
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

func onSocket(path, mode string) config.Listener {
	return config.Listener{ListenerSettings: config.ListenerSettings{Name: "local", Protocol: config.ProtocolMQTT}, Socket: path, SocketMode: mode}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	for _, test := range []struct {
		mode string
		want os.FileMode
	}{{"0660", 0o660}, {"666", 0o666}, {"0600", 0o600}} {
		l := onSocket(path, test.mode)
		ln, err := Listen(t.Context(), l, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if file, err := os.Lstat(path); err != nil || file.Mode() != os.ModeSocket|test.want {
			t.Errorf("mode %s: %v, %v", test.mode, file.Mode(), err)
		}
		for range 2 {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			server := accept(t, ln)
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			if got, err := readRaw(t, server, 10); got != "hello" || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
			_, _ = c.Close(), server.Close()
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("after Close the socket is still there: %v", err)
		}
	}
}

// TestUnixSocketIsNeverOpenToMore: its permissions are right from its first moment, whatever the umask.
func TestUnixSocketIsNeverOpenToMore(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	config := net.ListenConfig{Control: narrow(0o600)}
	ln, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // nothing was written
	if file, err := os.Lstat(path); err != nil || file.Mode().Perm()&0o077 != 0 {
		t.Errorf("bound with %v, %v", file.Mode(), err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	gone, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	gone.SetUnlinkOnClose(false)
	_ = gone.Close()
	ln, err := Listen(t.Context(), onSocket(path, "0660"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Close(), ln.Close()
}

func TestUnixSocketRefuses(t *testing.T) {
	dir := t.TempDir()
	live, err := net.Listen("unix", filepath.Join(dir, "live"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close() //nolint:errcheck // nothing was written
	for name, text := range map[string]string{"file": "precious", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "live"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"live": "another process listens there", "file": "no socket", "empty": "no socket", "dir": "no socket", "link": "no socket",
		"none/s": "no such file",
	} {
		path := filepath.Join(dir, name)
		_, err := Listen(t.Context(), onSocket(path, "0660"), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "listener local on "+path) {
			t.Errorf("Listen() on %s = %v, want %q", name, err, want)
		}
		if _, err := os.Lstat(path); err != nil && name != "none/s" {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	if c, err := net.Dial("unix", filepath.Join(dir, "live")); err != nil {
		t.Errorf("the live socket serves no more: %v", err)
	} else {
		_ = c.Close()
	}
}

// TestCloseLeavesOthers: what stands at the path when the listener closes is removed only if it is its own.
func TestCloseLeavesOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	ln, err := Listen(t.Context(), onSocket(path, "0660"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".mine"); err != nil { // its inode stays taken
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("somebody else's file is gone: %v", err)
	}
}
