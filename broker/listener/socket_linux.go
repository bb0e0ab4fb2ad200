package listener

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// socket is a TCP connection that Go's network poller does not watch before somebody has to wait for it. Who is told by package poll
// when there is something to read never has to; a *net.TCPConn is watched all the same, which costs system calls for what nobody asks,
// and an event beside each that comes.
type socket struct {
	fd     int
	remote *net.TCPAddr
	uses   atomic.Uint32 // how many calls use the descriptor now; and socketClosed

	mu      sync.Mutex // of changes
	read    deadline
	write   deadline
	watched *os.File // has the descriptor, watched by Go's network poller; nil: nobody has had to wait
}

// socketClosed is added to socket.uses by Close: who uses the descriptor last closes it, and nobody begins to.
const socketClosed = 1 << 31

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// begin is called before the descriptor is used, and end afterwards, if it is true.
func (s *socket) begin() bool {
	for {
		n := s.uses.Load()
		if n&socketClosed != 0 {
			return false
		}
		if s.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *socket) end() {
	if s.uses.Add(^uint32(0)) != socketClosed {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watched != nil {
		_ = s.watched.Close() // the end of a socket's life has no errors that anybody could mend
	} else {
		_ = closeNow(uintptr(s.fd))
	}
}

// Close implements net.Conn. Who waits is woken; the descriptor is closed once nobody uses it.
func (s *socket) Close() error {
	for {
		n := s.uses.Load()
		if n&socketClosed != 0 {
			return net.ErrClosed
		}
		if s.uses.CompareAndSwap(n, n+1|socketClosed) {
			break
		}
	}
	s.mu.Lock()
	if s.watched != nil {
		_ = s.watched.SetDeadline(longAgo)
	}
	s.mu.Unlock()
	s.end()
	return nil
}

// use calls try with the descriptor until it is true. Where it is not at once, wait does, by Go's network poller.
func (s *socket) use(until *deadline, try func(fd uintptr) bool, wait func(syscall.RawConn, func(fd uintptr) bool) error) error {
	if !s.begin() {
		return net.ErrClosed
	}
	defer s.end()
	if until.passed() {
		return os.ErrDeadlineExceeded
	}
	if try(uintptr(s.fd)) {
		return nil
	}
	watched, err := s.watch()
	if err == nil {
		err = wait(watched, try)
	}
	if err != nil && s.uses.Load()&socketClosed != 0 {
		return net.ErrClosed
	}
	return err
}

// watch has Go's network poller watch the socket from now on.
func (s *socket) watch() (syscall.RawConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uses.Load()&socketClosed != 0 {
		return nil, net.ErrClosed
	}
	if s.watched == nil {
		s.watched = os.NewFile(uintptr(s.fd), "socket")
		if err := errors.Join(s.watched.SetReadDeadline(s.read.time()), s.watched.SetWriteDeadline(s.write.time())); err != nil {
			return nil, err
		}
	}
	return s.watched.SyscallConn()
}

// Read implements net.Conn.
func (s *socket) Read(p []byte) (n int, err error) {
	over := s.use(&s.read, func(fd uintptr) bool {
		n, err = ReadNow(fd, p)
		return err != syscall.EAGAIN
	}, syscall.RawConn.Read)
	if over != nil {
		err = over
	}
	return n, err
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (n int, err error) {
	over := s.use(&s.write, func(fd uintptr) bool {
		for err = nil; n < len(p) && err == nil; {
			var k int
			k, err = WriteNow(fd, p[n:])
			n += k
		}
		return err != syscall.EAGAIN
	}, syscall.RawConn.Write)
	if over != nil {
		err = over
	}
	return n, err
}

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return s.remote }

// LocalAddr implements net.Conn. Of a closed socket it is nil.
func (s *socket) LocalAddr() net.Addr {
	if s.begin() {
		defer s.end()
		if a := localAddr(s.fd); a != nil {
			return a
		}
	}
	return nil
}

// SetDeadline implements net.Conn.
func (s *socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (s *socket) SetReadDeadline(t time.Time) error {
	return s.setDeadline(&s.read, t, (*os.File).SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (s *socket) SetWriteDeadline(t time.Time) error {
	return s.setDeadline(&s.write, t, (*os.File).SetWriteDeadline)
}

func (s *socket) setDeadline(d *deadline, t time.Time, tell func(*os.File, time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uses.Load()&socketClosed != 0 {
		return net.ErrClosed
	}
	d.set(t)
	if s.watched == nil {
		return nil
	}
	return tell(s.watched, t)
}

// SyscallConn implements syscall.Conn.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return (*rawSocket)(s), nil }

// rawSocket is a socket as a syscall.RawConn.
type rawSocket socket

func (r *rawSocket) Control(f func(fd uintptr)) error {
	s := (*socket)(r)
	if !s.begin() {
		return net.ErrClosed
	}
	defer s.end()
	f(uintptr(s.fd))
	return nil
}

func (r *rawSocket) Read(f func(fd uintptr) bool) error {
	return (*socket)(r).use(&r.read, f, syscall.RawConn.Read)
}

func (r *rawSocket) Write(f func(fd uintptr) bool) error {
	return (*socket)(r).use(&r.write, f, syscall.RawConn.Write)
}

// deadline is that of reads or of writes, in nanoseconds of Unix time; 0: there is none.
type deadline struct{ at atomic.Int64 }

func (d *deadline) set(t time.Time) {
	if t.IsZero() {
		d.at.Store(0)
	} else {
		d.at.Store(t.UnixNano())
	}
}

func (d *deadline) time() time.Time {
	if at := d.at.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

func (d *deadline) passed() bool {
	at := d.at.Load()
	return at != 0 && time.Now().UnixNano() >= at
}
