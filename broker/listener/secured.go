package listener

import (
	"crypto/tls"
	"errors"
	"sync"
	"syscall"
)

// aheadBuffer is the size of a pooled buffer of what has been read of a TLS connection and not been decrypted.
const aheadBuffer = 64 << 10

var aheadPool = sync.Pool{New: func() any { return new([aheadBuffer]byte) }}

// secured is a connection over TLS.
type secured struct {
	*tls.Conn
	feed feed
	more bool // crypto/tls may have something without reading
}

func secure(c Conn, cfg *tls.Config) *secured {
	s := &secured{feed: feed{Conn: c}, more: true} // it reads ahead in the handshake
	s.Conn = tls.Server(&s.feed, cfg)
	return s
}

// SyscallConn implements Polled.
func (c *secured) SyscallConn() (syscall.RawConn, error) { return c.feed.SyscallConn() }

// Open implements Polled.
func (c *secured) Open() error { return c.Handshake() }

// ReadNow implements Polled.
func (c *secured) ReadNow(fd uintptr, p []byte) (n int, err error) {
	c.feed.polled, c.feed.dry, c.feed.empty, c.feed.fd = true, false, false, fd
	defer func() { c.feed.polled = false }()
	if !c.more && c.feed.ahead == nil { // the stack of who waits stays small
		if err := c.feed.fill(); errors.Is(err, errNotNow) {
			return 0, syscall.EAGAIN
		}
	}
	c.more = true
	for n < len(p) {
		m, err := c.Read(p[n:])
		n += m
		if err == nil {
			continue
		}
		c.more = !errors.Is(err, errNotNow)
		switch {
		case n > 0:
			return n, nil // an error that matters comes again
		case c.more:
			return 0, err
		case c.feed.empty:
			return 0, syscall.EAGAIN
		}
		c.feed.dry = false // the end of the connection may be right behind a part of a record, and tells nobody again
	}
	return n, nil
}

// feed is the socket below a TLS connection. crypto/tls reads little at a time and waits in the midst of a record; for
// ReadNow it is given what one large read has brought, and then an error that it takes for a passing one.
type feed struct {
	Conn
	polled   bool  // Read does not wait
	dry      bool  // it has had all that there was, it seems
	empty    bool  // the socket has said so
	heard    bool  // something has been read
	last     alert // the end of what has been read in the handshake
	fd       uintptr
	ahead    *[aheadBuffer]byte // nil: nothing has been read ahead
	from, to int                // the part of ahead that has not been read
}

// Read implements net.Conn.
func (f *feed) Read(p []byte) (int, error) {
	if f.ahead == nil {
		if !f.polled {
			n, err := f.Conn.Read(p)
			f.heard = f.heard || n > 0
			copy(f.last[:], p[max(0, n-len(f.last)):n])
			return n, err
		}
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.ahead[f.from:f.to])
	if f.from += n; f.from == f.to {
		f.giveBack()
	}
	return n, nil
}

// fill reads ahead.
func (f *feed) fill() error {
	if f.dry {
		return errNotNow
	}
	f.ahead = aheadPool.Get().(*[aheadBuffer]byte)
	n, err := ReadNow(f.fd, f.ahead[:])
	f.from, f.to, f.dry = 0, n, n < aheadBuffer
	if err != nil {
		f.giveBack()
	}
	if f.empty = errors.Is(err, syscall.EAGAIN); f.empty {
		return errNotNow
	}
	return err
}

func (f *feed) giveBack() {
	aheadPool.Put(f.ahead)
	f.ahead = nil
}

// errNotNow is the error of reading where that would wait.
var errNotNow error = notNow{}

// notNow is a net.Error. crypto/tls reads on after one that is temporary.
type notNow struct{}

// Error implements error.
func (notNow) Error() string { return "nothing to read now" }

// Timeout implements net.Error.
func (notNow) Timeout() bool { return false }

// Temporary implements net.Error.
func (notNow) Temporary() bool { return true }
