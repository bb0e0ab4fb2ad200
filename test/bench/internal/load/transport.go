package load

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Transport is what is between TCP and MQTT. The zero value is nothing.
type Transport struct {
	// handshake does it all on a socket that blocks; later the socket does not.
	handshake func(fd int) (layer, error)
	// begin returns what a client says first; the layer is ready later.
	begin func() (layer, []byte)
}

// layer is a stream of MQTT inside another.
type layer interface {
	ready() bool                             // seal may be called
	seal(wire, plain []byte) []byte          // appends what goes on the wire for plain
	open(plain, wire []byte) ([]byte, error) // appends what came
}

// TLS is TLS 1.3 or 1.2 to a broker whose certificate c trusts. A session cache in c resumes sessions.
func TLS(c *tls.Config) Transport {
	return Transport{handshake: func(fd int) (layer, error) {
		s := &socket{fd: fd, blocks: true}
		conn := tls.Client(s, c)
		if err := conn.Handshake(); err != nil {
			return nil, err
		}
		s.blocks = false
		return &secure{conn: conn, socket: s}, nil
	}}
}

// secure runs crypto/tls on bytes in memory.
type secure struct {
	conn   *tls.Conn
	socket *socket
}

func (s *secure) ready() bool { return true }

func (s *secure) seal(wire, plain []byte) []byte {
	s.socket.out = wire
	_, _ = s.conn.Write(plain) // into memory: it cannot fail
	return s.socket.out
}

func (s *secure) open(plain, wire []byte) ([]byte, error) {
	s.socket.in.Write(wire)
	for {
		if cap(plain)-len(plain) < 4<<10 {
			plain = append(plain, make([]byte, 16<<10)...)[:len(plain)]
		}
		n, err := s.conn.Read(plain[len(plain):cap(plain)])
		plain = plain[:len(plain)+n]
		if errors.Is(err, errNoMore) {
			return plain, nil
		}
		if err != nil {
			return plain, err
		}
	}
}

// errNoMore is temporary, so that crypto/tls goes on where it was as soon as there is more.
var errNoMore error = noMore{}

type noMore struct{}

func (noMore) Error() string   { return "nothing more has come" }
func (noMore) Timeout() bool   { return true }
func (noMore) Temporary() bool { return true }

// socket is a net.Conn: of a socket while it blocks, then of what is in memory.
type socket struct {
	fd     int
	blocks bool
	in     bytes.Buffer
	out    []byte
}

func (s *socket) Read(b []byte) (int, error) {
	if s.blocks {
		n, err := syscall.Read(s.fd, b)
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
		return max(0, n), os.NewSyscallError("read", err)
	}
	if s.in.Len() == 0 {
		return 0, errNoMore
	}
	return s.in.Read(b)
}

func (s *socket) Write(b []byte) (int, error) {
	if s.blocks {
		n, err := syscall.Write(s.fd, b)
		return max(0, n), os.NewSyscallError("write", err)
	}
	s.out = append(s.out, b...)
	return len(b), nil
}

// The rest of net.Conn: Conn closes the socket, and nothing has a deadline.

func (s *socket) Close() error                     { return nil }
func (s *socket) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *socket) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *socket) SetDeadline(time.Time) error      { return nil }
func (s *socket) SetReadDeadline(time.Time) error  { return nil }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }
