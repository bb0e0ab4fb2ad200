package listener

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/pires/go-proxyproto"
)

const (
	proxyV1Most  = 107 // bytes of a version 1 header
	proxyV2Fixed = 16  // bytes of a version 2 header before what it says the length of
	proxyV2Most  = 4096
)

var (
	errNoProxyHeader   = errors.New("it does not begin with one")
	errProxyV1TooLong  = fmt.Errorf("version 1, and longer than %d bytes", proxyV1Most)
	errProxyV2TooLong  = fmt.Errorf("version 2, and longer than %d bytes", proxyV2Fixed+proxyV2Most)
	errProxyHeaderHalf = errors.New("the connection ended within it")
)

// proxied is a connection from a trusted proxy. Its first Read takes the PROXY header off, and no byte more, so that
// who reads by SyscallConn afterwards misses nothing. A header that is wrong, or late for the read deadline, is the
// error of every Read.
type proxied struct {
	Conn
	say    func(msg string, args ...any)
	client atomic.Pointer[net.Addr] // nil: the header says none

	// The rest belongs to who reads.
	seen bool // the header has been
	err  error
}

// Trusts reports whether a connection from addr must begin with a PROXY header.
func (l *Listener) Trusts(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return false
	}
	from := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, proxy := range l.proxies {
		if proxy.Contains(from) {
			return true
		}
	}
	return false
}

// ReadHeader reads the PROXY header, if nc, which is from Accept and has not been read from, has one: RemoteAddr says who
// is behind the proxy then. The error is that of every Read from then on.
func ReadHeader(nc net.Conn) error {
	if c := below[*proxied](nc); c != nil {
		return c.header()
	}
	return nil
}

// RemoteAddr is the client's, once the header has said it; else the proxy's.
func (c *proxied) RemoteAddr() net.Addr {
	if client := c.client.Load(); client != nil {
		return *client
	}
	return c.Conn.RemoteAddr()
}

// Read reads what follows the header.
func (c *proxied) Read(p []byte) (int, error) {
	if err := c.header(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// SyscallConn is the system's, but that its first Read waits for the header.
func (c *proxied) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.Conn.SyscallConn()
	return proxiedRaw{raw, c}, err
}

type proxiedRaw struct {
	syscall.RawConn
	c *proxied
}

func (r proxiedRaw) Read(f func(fd uintptr) bool) error {
	if err := r.c.header(); err != nil {
		return err
	}
	return r.RawConn.Read(f)
}

// header reads the header, the first time.
func (c *proxied) header() error {
	if c.seen {
		return c.err
	}
	c.seen = true
	raw, err := c.Conn.SyscallConn()
	if err == nil {
		err = c.take(raw)
	}
	if err != nil && !errors.Is(err, io.EOF) { // a proxy that only looks whether we are there sends nothing
		err = fmt.Errorf("PROXY header from %s: %w", c.Conn.RemoteAddr(), err)
		c.say("PROXY header refused", "peer", c.Conn.RemoteAddr().String(), "reason", err.Error())
	}
	c.err = err
	return err
}

// take reads and parses the header.
func (c *proxied) take(raw syscall.RawConn) error {
	text, err := readHeader(raw)
	if err != nil {
		return err
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(text), len(text)))
	if err != nil {
		return err
	}
	if !h.Command.IsLocal() && h.SourceAddr != nil {
		c.client.Store(&h.SourceAddr)
	}
	return nil
}

// readHeader returns a whole header, of the length that it says itself. io.EOF: nothing came at all.
func readHeader(raw syscall.RawConn) ([]byte, error) {
	text := make([]byte, 0, 2*proxyV1Most)
	for {
		size, err := headerSize(text)
		if err != nil || len(text) == size {
			return text, err
		}
		text = slices.Grow(text, size-len(text))
		var n int
		var failure error
		if err := raw.Read(func(fd uintptr) bool {
			n, failure = readOfHeader(int(fd), text)
			return !errors.Is(failure, syscall.EAGAIN)
		}); err != nil {
			return nil, err
		}
		switch {
		case failure != nil:
			return nil, failure
		case n == 0 && len(text) > 0:
			return nil, errProxyHeaderHalf
		case n == 0:
			return nil, io.EOF
		}
		text = text[:len(text)+n]
	}
}

// readOfHeader reads what is there of the header that text is the beginning of, behind text, and says how many bytes
// that was; 0: the connection has ended. It looks first, and takes only what is the header's.
func readOfHeader(fd int, text []byte) (int, error) {
	room := text[len(text):cap(text)]
	n, _, err := syscall.Recvfrom(fd, room, syscall.MSG_PEEK)
	for errors.Is(err, syscall.EINTR) {
		n, _, err = syscall.Recvfrom(fd, room, syscall.MSG_PEEK)
	}
	if err != nil || n == 0 {
		return 0, err
	}
	size, err := headerSize(text[:len(text)+n])
	if err != nil {
		return 0, err
	}
	room = room[:min(n, size-len(text))]
	for {
		if n, err = syscall.Read(fd, room); !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// headerSize says how long the header is that b begins with, in bytes, or, where b is too short to tell, to where it
// goes at least: never further than the header does, and always further than b.
func headerSize(b []byte) (int, error) {
	switch {
	case begins(b, proxyproto.SIGV2):
		if len(b) < proxyV2Fixed {
			return proxyV2Fixed, nil
		}
		size := int(binary.BigEndian.Uint16(b[proxyV2Fixed-2:]))
		if size > proxyV2Most {
			return 0, errProxyV2TooLong
		}
		return proxyV2Fixed + size, nil
	case begins(b, proxyproto.SIGV1):
		if end := bytes.IndexByte(b[:min(len(b), proxyV1Most)], '\n'); end >= 0 {
			return end + 1, nil
		}
		if len(b) >= proxyV1Most {
			return 0, errProxyV1TooLong
		}
		return len(b) + 1, nil
	}
	return 0, errNoProxyHeader
}

// begins reports whether b begins with signature, as far as b goes.
func begins(b, signature []byte) bool {
	n := min(len(b), len(signature))
	return bytes.Equal(b[:n], signature[:n])
}
