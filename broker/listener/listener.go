package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

const (
	// logEvery bounds how often errors are logged.
	logEvery = 10 * time.Second
	// While the system cannot accept, Accept waits: twice as long each time.
	backoffFirst = 5 * time.Millisecond
	backoffMost  = time.Second
)

// keepAlive finds peers that are gone without a word, also where MQTT's own keep alive is off: after two minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// Listener accepts clients. Accept is for one goroutine, the rest for any number.
type Listener struct {
	name    string
	log     *slog.Logger
	sockets net.Listener
	tls     *tls.Config    // nil: no TLS
	served  certificates   // with TLS
	trust   *trust         // nil: clients are not asked for certificates
	proxies []netip.Prefix // who must send a PROXY header
	web     *endpoint      // nil: no WebSocket

	saying sync.Mutex // guards logged
	logged time.Time  // when something that say says last was

	closing sync.Once
	closed  chan struct{}
	cancel  context.CancelFunc
	watcher sync.WaitGroup // follows the files of certificates
}

// Listen binds l's address, where port 0 is any free one, or its unix socket. The certificates of an MQTTS or
// WSS listener, and what it trusts, are followed when their files change, until ctx is done or the Listener is closed. Errors name the listener,
// its address and a remedy.
func Listen(ctx context.Context, l config.Listener, log *slog.Logger) (*Listener, error) {
	ln := &Listener{name: l.Name, log: log.With("listener", l.Name), closed: make(chan struct{})}
	address := l.Socket
	if address == "" {
		address = net.JoinHostPort(l.Host, strconv.Itoa(int(l.Port)))
	}
	files, err := ln.configure(l)
	if err != nil {
		return nil, fmt.Errorf("listener %s on %s: %w", l.Name, address, err)
	}
	if l.Socket != "" {
		ln.sockets, err = listenUnix(ctx, l.Socket, l.SocketMode)
	} else {
		ln.sockets, err = listenTCP(ctx, address)
	}
	if err != nil {
		return nil, fmt.Errorf("listener %s on %s: %w%s", l.Name, address, err, remedy(err, l.Socket != ""))
	}
	ctx, ln.cancel = context.WithCancel(ctx)
	for _, f := range files {
		ln.watcher.Go(func() { _ = f.Run(ctx) }) // it has paths to watch, so there is no error
	}
	return ln, nil
}

// follower is files that are read again when they change.
type follower interface {
	Run(ctx context.Context) error
}

// configure sets what is spoken; the files that it returns are to be followed.
func (l *Listener) configure(c config.Listener) ([]follower, error) {
	if c.Protocol.WebSocket() {
		l.web = newEndpoint(c.Path, c.Origins)
	}
	if c.ProxyProtocol != nil {
		var err error
		if l.proxies, err = c.ProxyProtocol.Networks(); err != nil {
			return nil, fmt.Errorf("proxyProtocol: %w", err)
		}
	}
	if c.TLS == nil {
		return nil, nil
	}
	return l.configureTLS(c.TLS)
}

func remedy(err error, unix bool) string {
	switch {
	case unix && errors.Is(err, syscall.EADDRINUSE):
		return " (another process listens there: stop it, or choose another path)"
	case unix:
		return ""
	case errors.Is(err, syscall.EADDRINUSE):
		return " (another process listens there: stop it, or choose another port)"
	case errors.Is(err, syscall.EACCES):
		return " (ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return " (this machine does not have that address: leave host out for all that it has)"
	}
	return ""
}

// Accept waits for the next connection, on which nothing has been read yet: handshakes and PROXY headers are read by
// its first Read. It is a Polled if there is something between MQTT and the socket. While the system is out of file
// descriptors or memory Accept backs off. After Close the error is net.ErrClosed, perhaps wrapped.
func (l *Listener) Accept() (Conn, error) {
	for backoff := backoffFirst; ; {
		c, err := l.sockets.Accept()
		switch {
		case err == nil:
			return l.wrap(c), nil
		case !temporary(err):
			return nil, err
		default:
			l.say("connections cannot be accepted for now", "reason", err)
			select {
			case <-time.After(backoff):
			case <-l.closed:
				return nil, net.ErrClosed
			}
			backoff = min(2*backoff, backoffMost)
		}
	}
}

// temporary reports whether accept(2) may succeed later.
func temporary(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
		syscall.ECONNABORTED, syscall.EPROTO, syscall.EINTR, syscall.EPERM} { // EPERM: a firewall's word
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// wrap puts what the listener speaks around c.
func (l *Listener) wrap(c net.Conn) Conn {
	base := c.(Conn)
	if l.Trusts(c.RemoteAddr()) {
		base = &proxied{Conn: base, say: l.say}
	}
	if l.tls != nil {
		base = secure(base, l.tls)
	}
	if l.web != nil {
		return &webSocket{Conn: base, endpoint: l.web}
	}
	return base
}

// say logs, now and then.
func (l *Listener) say(msg string, args ...any) {
	l.saying.Lock()
	defer l.saying.Unlock()
	if now := time.Now(); l.logged.IsZero() || now.Sub(l.logged) >= logEvery {
		l.logged = now
		l.log.Warn(msg, args...)
	}
}

// Addr is the bound address.
func (l *Listener) Addr() net.Addr { return l.sockets.Addr() }

// Close ends Accept and waits for what Listen started. Connections stay open. Only the first call does something.
func (l *Listener) Close() error {
	var err error
	l.closing.Do(func() {
		close(l.closed)
		l.cancel()
		err = l.sockets.Close()
		l.watcher.Wait()
	})
	return err
}
