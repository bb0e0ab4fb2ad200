package listener

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/unix"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// ends are the two of a connection: ours, and the client's.
func ends(t *testing.T) (*socket, net.Conn) {
	t.Helper()
	ln := listen(t, config.Listener{}, io.Discard)
	far := dial(t, ln)
	near, ok := accept(t, ln).(*socket)
	if !ok {
		t.Fatal("Accept() returns no socket")
	}
	return near, far
}

// A socket does what every net.Conn does, whoever else uses it meanwhile.
func TestSocketIsConn(t *testing.T) {
	nettest.TestConn(t, func() (near, far net.Conn, stop func(), err error) {
		s, c := ends(t)
		return s, c, func() { _ = errors.Join(s.Close(), c.Close()) }, nil
	})
}

// Who never has to wait is never watched by Go's network poller; who has to is, and is woken.
func TestSocketIsWatchedToWait(t *testing.T) {
	near, far := ends(t)
	if _, err := far.Write([]byte("one")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	for range 2 { // what has been written may still be on its way the first time
		raw, err := near.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Read(func(fd uintptr) bool { _, err = ReadNow(fd, b); return true }); err != nil {
			t.Fatal(err)
		}
		if _, err := near.Write([]byte("two")); err != nil {
			t.Fatal(err)
		}
	}
	if near.watched != nil {
		t.Error("a socket is watched, and nobody has had to wait")
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(near, b)
		read <- err
	}()
	if _, err := far.Write([]byte("12345678")); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// A deadline holds whether it is set before somebody waits or meanwhile, and can be taken back.
func TestSocketDeadlines(t *testing.T) {
	near, far := ends(t)
	b := make([]byte, 1)
	if err := near.SetReadDeadline(longAgo); err != nil {
		t.Fatal(err)
	}
	for range 2 { // before it is watched, and after
		if _, err := near.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read() = %v after its deadline", err)
		}
		if _, err := near.watch(); err != nil {
			t.Fatal(err)
		}
	}
	if err := near.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	woken := make(chan error)
	go func() {
		_, err := near.Read(b)
		woken <- err
	}()
	if _, err := far.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; err != nil {
		t.Fatalf("Read() = %v, and its deadline has been taken back", err)
	}
	go func() {
		_, err := near.Read(b)
		woken <- err
	}()
	if err := near.SetDeadline(longAgo); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read() = %v, and its deadline has come", err)
	}
}

// What the client does not read is waited for.
func TestSocketWritesAll(t *testing.T) {
	near, far := ends(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than the buffers take
	written := make(chan error, 1)
	go func() {
		_, err := near.Write(sent)
		written <- errors.Join(err, near.Close())
	}()
	got, err := io.ReadAll(far)
	if err := errors.Join(err, <-written); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came, not the %d that were sent", len(got), len(sent))
	}
}

// A descriptor is not closed, and so not another connection's, while it is used; nobody begins to use it after Close.
func TestSocketClosedInUse(t *testing.T) {
	for _, watched := range []bool{false, true} {
		near, _ := ends(t)
		if watched {
			if _, err := near.watch(); err != nil {
				t.Fatal(err)
			}
		}
		raw, err := near.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		open := func() bool {
			_, err := unix.FcntlInt(uintptr(near.fd), unix.F_GETFD, 0)
			return err == nil
		}
		err = raw.Control(func(uintptr) {
			if err := near.Close(); err != nil {
				t.Error(err)
			}
			if !open() {
				t.Error("the descriptor is closed while it is used")
			}
		})
		if err != nil || open() {
			t.Errorf("%v; the descriptor is open still: %v", err, open())
		}
		never := func(uintptr) bool { t.Error("it is used after Close"); return true }
		_, read := near.Read(nil)
		_, write := near.Write(nil)
		_, watch := near.watch()
		for _, err := range []error{
			near.Close(), raw.Control(func(fd uintptr) { never(fd) }), raw.Read(never), raw.Write(never), near.SetDeadline(time.Time{}), read, write, watch,
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%v after Close", err)
			}
		}
	}
}

// Close wakes who waits.
func TestSocketClosedInWait(t *testing.T) {
	near, _ := ends(t)
	entered, woken := make(chan struct{}, 2), make(chan error)
	raw, err := near.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		woken <- raw.Read(func(uintptr) bool { entered <- struct{}{}; return false })
	}()
	<-entered
	<-entered // it is watched by now, and about to wait
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read() = %v", err)
	}
}

func TestSocketAddresses(t *testing.T) {
	near, far := ends(t)
	if near.RemoteAddr().String() != far.LocalAddr().String() || near.LocalAddr().String() != far.RemoteAddr().String() {
		t.Errorf("from %s to %s; the client is %s", near.RemoteAddr(), near.LocalAddr(), far.LocalAddr())
	}
	port := [2]byte{0x07, 0x5b} // in the network's order
	v4 := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: *(*uint16)(unsafe.Pointer(&port)), Addr: [4]byte{192, 0, 2, 1}}
	if got := tcpAddr((*unix.RawSockaddrAny)(unsafe.Pointer(&struct {
		unix.RawSockaddrInet4
		rest unix.RawSockaddrAny
	}{RawSockaddrInet4: v4}))).String(); got != "192.0.2.1:1883" {
		t.Errorf("%s, want 192.0.2.1:1883", got)
	}
	for want, v6 := range map[string]unix.RawSockaddrInet6{
		"[2001:db8::1]:1883":    {Addr: [16]byte{0x20, 1, 0x0d, 0xb8, 15: 1}},
		"192.0.2.2:1883":        {Addr: [16]byte{10: 0xff, 0xff, 192, 0, 2, 2}},
		"[fe80::1%lo]:1883":     {Scope_id: loopback(t), Addr: [16]byte{0xfe, 0x80, 15: 1}},
		"[fe80::1%424242]:1883": {Scope_id: 424242, Addr: [16]byte{0xfe, 0x80, 15: 1}},
	} {
		v6.Family, v6.Port = unix.AF_INET6, v4.Port
		a := struct {
			unix.RawSockaddrInet6
			rest unix.RawSockaddrAny
		}{RawSockaddrInet6: v6}
		if got := tcpAddr((*unix.RawSockaddrAny)(unsafe.Pointer(&a))).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if err := near.Close(); err != nil || near.LocalAddr() != nil {
		t.Errorf("%v; a closed socket has the address %v", err, near.LocalAddr())
	}
}

// loopback is the number of the interface lo.
func loopback(t *testing.T) uint32 {
	t.Helper()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return uint32(lo.Index)
}

var _ syscall.RawConn = (*rawSocket)(nil)
