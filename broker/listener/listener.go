package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair"
)

const (
	// logEvery bounds how often refused connections and errors are logged.
	logEvery = 10 * time.Second
	// While the system cannot accept, Accept waits: twice as long each time.
	backoffFirst = 5 * time.Millisecond
	backoffMost  = time.Second
)

// keepAlive finds peers that are gone without a word, also where MQTT's own keep alive is off: after two minutes.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// Listener accepts clients. Accept is for one goroutine, the rest for any number.
type Listener struct {
	name string
	log  *slog.Logger
	tcp  net.Listener
	tls  *tls.Config // nil: plain TCP

	most    int64 // connections at once; 0: no bound
	open    atomic.Int64
	refused atomic.Uint64
	logged  time.Time // when a refused connection or an error last was

	closing sync.Once
	closed  chan struct{}
	cancel  context.CancelFunc
	watcher sync.WaitGroup // follows the certificate
}

// Listen binds l's address; port 0 is any free one. The certificate of an MQTTS listener is followed when its files
// change, until ctx is done or the Listener is closed. Errors name the listener, its address and a remedy.
func Listen(ctx context.Context, l config.Listener, log *slog.Logger) (*Listener, error) {
	address := net.JoinHostPort(l.Host, strconv.Itoa(int(l.Port)))
	ln := &Listener{name: l.Name, log: log.With("listener", l.Name), most: int64(l.MaxConnections), closed: make(chan struct{})}
	var pair *keypair.Pair
	if l.TLS != nil {
		var err error
		if pair, err = keypair.Open(l.TLS.CertFile, l.TLS.KeyFile, ln.log); err != nil {
			return nil, fmt.Errorf("listener %s on %s: %w", l.Name, address, err)
		}
		ln.tls = tlsConfig(l.TLS, pair)
	}
	var err error
	if ln.tcp, err = (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(ctx, "tcp", address); err != nil {
		return nil, fmt.Errorf("listener %s on %s: %w%s", l.Name, address, err, remedy(err))
	}
	ctx, ln.cancel = context.WithCancel(ctx)
	if pair != nil {
		ln.watcher.Go(func() { _ = pair.Run(ctx) }) // it has two paths to watch, so there is no error
	}
	return ln, nil
}

// tlsConfig leaves session tickets on: they make a reconnect cheap, and their keys rotate daily.
func tlsConfig(l *config.ListenerTLS, pair *keypair.Pair) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.Certificate}
	if l.MinVersion == config.TLS13 {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return " (another process listens there: stop it, or choose another port)"
	case errors.Is(err, syscall.EACCES):
		return " (ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return " (this machine does not have that address: leave host out for all that it has)"
	}
	return ""
}

// Accept waits for the next connection: over MQTTS a *tls.Conn before its handshake; over MQTT a *net.TCPConn, or, of a
// Listener with a bound on connections, a *Conn, which is one too but for its Close. What is beyond the bound is closed
// at once. While the system is out of file descriptors or memory Accept backs off. After Close
// the error is net.ErrClosed, perhaps wrapped.
func (l *Listener) Accept() (net.Conn, error) {
	for backoff := backoffFirst; ; {
		c, err := l.tcp.Accept()
		switch {
		case err == nil:
			if c = l.admit(c); c != nil {
				return c, nil
			}
			backoff = backoffFirst
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

// admit counts c in; nil: there are too many, and c is closed.
func (l *Listener) admit(c net.Conn) net.Conn {
	if l.most > 0 {
		if l.open.Load() >= l.most { // only Accept adds
			l.refused.Add(1)
			l.say("connection refused: the listener has its maxConnections",
				"peer", c.RemoteAddr().String(), "max_connections", l.most, "refused_total", l.refused.Load())
			_ = c.Close() // it is of no more use
			return nil
		}
		l.open.Add(1)
		c = &Conn{TCPConn: c.(*net.TCPConn), done: sync.OnceFunc(func() { l.open.Add(-1) })}
	}
	if l.tls != nil {
		return tls.Server(c, l.tls)
	}
	return c
}

// say logs, now and then.
func (l *Listener) say(msg string, args ...any) {
	if now := time.Now(); l.logged.IsZero() || now.Sub(l.logged) >= logEvery {
		l.logged = now
		l.log.Warn(msg, args...)
	}
}

// Refused counts the connections that were closed for being beyond the bound.
func (l *Listener) Refused() uint64 { return l.refused.Load() }

// Addr is the bound address.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Close ends Accept and waits for what Listen started. Connections stay open. Only the first call does something.
func (l *Listener) Close() error {
	var err error
	l.closing.Do(func() {
		close(l.closed)
		l.cancel()
		err = l.tcp.Close()
		l.watcher.Wait()
	})
	return err
}

// Conn is a TCP connection that is counted. All that a *net.TCPConn can do it can do too, at the same speed.
type Conn struct {
	*net.TCPConn
	done func()
}

// Close closes the connection and makes room for another one.
func (c *Conn) Close() error {
	defer c.done()
	return c.TCPConn.Close()
}
