package load

import (
	"fmt"
	"syscall"
)

// Idle is what connections cost that do nothing.
type Idle struct {
	Usage           // while they are made
	Bytes   float64 // of the broker's memory, each
	IdleCPU float64 // of the broker while nothing happens: 1 is one processor
}

// Idle makes n connections, and if subscribe a subscription of its own for each, and leaves them alone.
func (t Target) Idle(n int, subscribe bool) (Idle, error) {
	l, done, err := t.loop()
	if err != nil {
		return Idle{}, err
	}
	defer done()
	before, err := t.resident(l)
	if err != nil {
		return Idle{}, err
	}
	m, err := t.measure()
	if err != nil {
		return Idle{}, err
	}
	if err := l.idle(n, subscribe); err != nil {
		return Idle{}, err
	}
	r := Idle{}
	if r.Usage, err = m.end(); err != nil {
		return r, err
	}
	after, err := t.resident(l)
	if err != nil {
		return r, err
	}
	r.Bytes = (after - before) / float64(n)
	if m, err = t.measure(); err != nil {
		return r, err
	}
	l.wait(t.Measured)
	rest, err := m.end()
	r.IdleCPU = rest.CPU.Seconds() / rest.Took.Seconds()
	if err == nil && l.closed > 0 {
		err = fmt.Errorf("the broker has closed %d of %d idle connections", l.closed, n)
	}
	return r, err
}

func (l *Loop) idle(n int, subscribe bool) error {
	conns, err := l.connect(n, "idle-", true)
	if err != nil || !subscribe {
		return err
	}
	return l.subscribe(0, conns, func(i int) []string { return []string{fmt.Sprintf("device/%d/command", i)} })
}

// Connects is connections that were made and ended.
type Connects struct {
	N       int
	Resumed int // of their TLS sessions
	Usage
}

// PerConnect is the broker's CPU a connection, in microseconds.
func (c Connects) PerConnect() float64 { return micros(c.CPU) / float64(max(1, c.N)) }

// Rate is connections a second.
func (c Connects) Rate() float64 { return float64(c.N) / c.Took.Seconds() }

// Connects makes n connections, some at once, each ended by DISCONNECT once it is let in. It is over when the broker has
// closed them all. Over TLS
// they are one after the other, so that each can resume the session of the one before.
func (t Target) Connects(n int) (Connects, error) {
	l, done, err := t.loop()
	if err != nil {
		return Connects{}, err
	}
	defer done()
	m, err := t.measure()
	if err != nil {
		return Connects{}, err
	}
	open := atOnce
	if t.Transport.handshake != nil {
		open = 1
	}
	started, ended, up, resumed := 0, 0, 0, 0
	err = l.until(fmt.Sprint(n, " connections"), func() bool {
		for started < n && started-ended < open && l.err == nil {
			c, err := l.dial(fmt.Sprint("connect-", started), true)
			if err != nil {
				l.fail("connect: %w", err)
				break
			}
			started++
			if s, ok := c.layer.(*secure); ok && s.conn.ConnectionState().DidResume {
				resumed++
			}
			c.onDown = func() { ended++ }
			c.onUp = func() {
				up++
				c.send(disconnectPacket)
				_ = syscall.Shutdown(c.fd, syscall.SHUT_WR) // it may be closed already
			}
		}
		return ended == n
	})
	if err != nil {
		return Connects{}, err
	}
	if up < n {
		return Connects{}, fmt.Errorf("only %d of %d connections were let in", up, n)
	}
	r := Connects{N: n, Resumed: resumed}
	r.Usage, err = m.end()
	return r, err
}
