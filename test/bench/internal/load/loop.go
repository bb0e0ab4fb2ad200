package load

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// patience is how long set-up waits without anything coming.
const patience = 60 * time.Second

// readSize bounds one read, and what a packet may have.
const readSize = 256 << 10

// Loop is the connections of one run.
type Loop struct {
	target    syscall.SockaddrInet4
	transport Transport
	epoll     int
	byFD      []*Conn
	events    [1024]syscall.EpollEvent
	buf       []byte // what was read last
	due       []*Conn
	dialed    int
	came      int // counts packets: that it changes is progress
	closed    int // connections that the broker has closed, once they were up
	err       error
}

func newLoop(addr string, transport Transport) (*Loop, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("parse the broker's address: %w", err)
	}
	l := &Loop{target: syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}, transport: transport, buf: make([]byte, readSize)}
	if l.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return l, nil
}

// close closes all connections.
func (l *Loop) close() {
	for _, c := range l.byFD {
		if c != nil {
			c.onDown = nil
			c.close()
		}
	}
	_ = syscall.Close(l.epoll) // nothing is left on it
}

func (l *Loop) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// poll handles what has come, or waits for it at most so many milliseconds.
func (l *Loop) poll(ms int) {
	n, err := syscall.EpollWait(l.epoll, l.events[:], ms)
	if err != nil && err != syscall.EINTR {
		l.fail("epoll_wait: %w", err)
	}
	for _, e := range l.events[:max(0, n)] {
		c := l.byFD[e.Fd]
		if c == nil {
			continue
		}
		if e.Events&syscall.EPOLLOUT != 0 {
			c.flush()
		}
		if e.Events&^syscall.EPOLLOUT != 0 && c.state != stateClosed {
			c.read()
		}
	}
}

// until polls until done, and gives up when nothing has come for a while.
func (l *Loop) until(what string, done func() bool) error {
	came, last := l.came, time.Now()
	for !done() {
		l.poll(50)
		if l.err != nil {
			return l.err
		}
		if l.came != came {
			came, last = l.came, time.Now()
		} else if time.Since(last) > patience {
			return fmt.Errorf("wait for %s: nothing has come for %s", what, patience)
		}
	}
	return l.err
}

// wait polls for so long.
func (l *Loop) wait(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		l.poll(10)
	}
}

// atOnce is how many connections are being made at a time.
const atOnce = 64

// connect makes n connections, "prefix0" on, and waits until all are let in.
func (l *Loop) connect(n int, prefix string, clean bool) ([]*Conn, error) {
	conns := make([]*Conn, 0, n)
	up := 0
	err := l.until(fmt.Sprint(n, " CONNACKs"), func() bool {
		for len(conns) < n && len(conns)-up < atOnce && l.err == nil {
			c, err := l.dial(fmt.Sprint(prefix, len(conns)), clean)
			if err != nil {
				l.fail("connect %s%d: %w", prefix, len(conns), err)
				break
			}
			c.index = len(conns)
			c.onUp = func() { up++ }
			c.onDown = func() {
				if l.closed++; up < n {
					l.fail("connect %s%d: the broker has closed a connection; %d are up", prefix, c.index, up)
				}
			}
			conns = append(conns, c)
		}
		return up == n
	})
	return conns, err
}

// connectOne is the connection "id0".
func (l *Loop) connectOne(id string, clean bool) (*Conn, error) {
	conns, err := l.connect(1, id, clean)
	if err != nil {
		return nil, err
	}
	return conns[0], nil
}

// errRefused is what a CONNACK or SUBACK says.
var errRefused = errors.New("the broker refuses")

// filtersAtOnce is how many filters a SUBSCRIBE has.
const filtersAtOnce = 200

// subscribe waits until the last filter of each connection is granted. Each has all that filters gives for it.
func (l *Loop) subscribe(qos byte, conns []*Conn, filters func(i int) []string) error {
	const open = 64 // connections that await a SUBACK
	for from := 0; from < len(conns); from += open {
		batch := conns[from:min(len(conns), from+open)]
		for i, c := range batch {
			c.wanted = filters(from + i)
			c.subscribeMore(qos)
		}
		err := l.until("SUBACKs", func() bool {
			for _, c := range batch {
				if c.granted < c.asked {
					return false
				}
				if len(c.wanted) > 0 {
					c.subscribeMore(qos)
					return false
				}
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// one is the same filter for all.
func one(filter string) func(int) []string { return func(int) []string { return []string{filter} } }
