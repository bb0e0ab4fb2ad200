package mqtttest

import (
	"net"
	"syscall"
)

// Pipe makes of an end of a pipe a connection as those of a listener are: who reads can wait without a buffer.
func Pipe(nc net.Conn) *Polled { return &Polled{Conn: nc} }

// Polled is a listener.Polled without a descriptor.
type Polled struct {
	net.Conn
	ahead []byte // has been read, and is to be read again
}

// RemoteAddr is the same for all.
func (*Polled) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000} }

// Open implements listener.Polled.
func (*Polled) Open() error { return nil }

// SyscallConn implements listener.Polled.
func (c *Polled) SyscallConn() (syscall.RawConn, error) { return socket{c}, nil }

// ReadNow implements listener.Polled.
func (c *Polled) ReadNow(_ uintptr, p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return 0, syscall.EAGAIN
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}

// Read implements net.Conn.
func (c *Polled) Read(p []byte) (int, error) {
	if len(c.ahead) > 0 {
		return c.ReadNow(0, p)
	}
	return c.Conn.Read(p)
}

// socket waits as the descriptor of a socket does.
type socket struct{ *Polled }

// Read implements syscall.RawConn.
func (s socket) Read(ready func(fd uintptr) bool) error {
	for !ready(0) {
		b := make([]byte, 64<<10)
		n, err := s.Conn.Read(b)
		if n == 0 && err != nil {
			return err
		}
		s.ahead = b[:n]
	}
	return nil
}

// Write implements syscall.RawConn.
func (socket) Write(func(fd uintptr) bool) error { return syscall.ENOTSUP }

// Control implements syscall.RawConn.
func (socket) Control(func(fd uintptr)) error { return syscall.ENOTSUP }
