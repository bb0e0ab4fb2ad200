package load

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

type state byte

const (
	stateConnecting state = iota
	stateUp               // CONNACK has come
	stateClosed
)

// Conn is one client.
type Conn struct {
	loop  *Loop
	fd    int
	index int // among those that were made together
	state state
	mute  bool // reads nothing any more

	in       []byte // the beginning of a packet
	out      []byte // packets that are not sealed
	layer    layer  // nil: TCP
	wire     []byte // what the socket has not taken
	wantsOut bool

	wanted         []string // filters that are still to be asked for
	asked, granted int
	received       int // PUBLISHes

	onUp, onDown func()
	onPublish    func(body []byte, qos byte)
	pub          *publisher
}

// bindNoPort (IP_BIND_ADDRESS_NO_PORT) leaves the port to connect, so that each address has all of them.
const bindNoPort = 24

// dial begins a connection, from one of 200 addresses of this machine. With TLS it returns after the handshake.
func (l *Loop) dial(id string, clean bool) (*Conn, error) {
	kind := syscall.SOCK_STREAM | syscall.SOCK_CLOEXEC
	if l.transport.handshake == nil {
		kind |= syscall.SOCK_NONBLOCK
	}
	fd, err := syscall.Socket(syscall.AF_INET, kind, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &Conn{loop: l, fd: fd}
	if err := c.open(connectPacket(id, clean)); err != nil {
		_ = syscall.Close(fd) // it has failed already
		return nil, err
	}
	for len(l.byFD) <= fd {
		l.byFD = append(l.byFD, nil)
	}
	l.byFD[fd] = c
	return c, nil
}

func (c *Conn) open(hello []byte) error {
	l := c.loop
	l.dialed++
	from := syscall.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + l.dialed%200)}}
	err := syscall.SetsockoptInt(c.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err == nil {
		err = syscall.SetsockoptInt(c.fd, syscall.IPPROTO_IP, bindNoPort, 1)
	}
	if err == nil {
		err = syscall.Bind(c.fd, &from)
	}
	if err != nil {
		return fmt.Errorf("set up a socket: %w", err)
	}
	if err := syscall.Connect(c.fd, &l.target); err != nil && err != syscall.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	if l.transport.begin != nil {
		c.layer, c.wire = l.transport.begin()
	}
	if l.transport.handshake != nil {
		if c.layer, err = l.transport.handshake(c.fd); err != nil {
			return err
		}
		if err := syscall.SetNonblock(c.fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	c.out, c.wantsOut = hello, true
	e := c.interest()
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, c.fd, &e))
}

func (c *Conn) interest() syscall.EpollEvent {
	e := syscall.EpollEvent{Fd: int32(c.fd)}
	if !c.mute {
		e.Events = syscall.EPOLLIN | syscall.EPOLLRDHUP
	}
	if c.wantsOut {
		e.Events |= syscall.EPOLLOUT
	}
	return e
}

func (c *Conn) watch() {
	e := c.interest()
	if err := syscall.EpollCtl(c.loop.epoll, syscall.EPOLL_CTL_MOD, c.fd, &e); err != nil {
		c.loop.fail("epoll_ctl: %w", err)
	}
}

// stall makes it a client that has stopped to read.
func (c *Conn) stall() {
	c.mute = true
	c.watch()
}

// send queues a packet and writes what can be written.
func (c *Conn) send(packet []byte) {
	c.out = append(c.out, packet...)
	c.flush()
}

// flush writes until the socket takes no more; what is left goes when it does.
func (c *Conn) flush() {
	if c.state == stateClosed {
		return
	}
	pending := &c.out
	if c.layer != nil {
		if len(c.out) > 0 && c.layer.ready() {
			c.wire = c.layer.seal(c.wire, c.out)
			c.out = c.out[:0]
		}
		pending = &c.wire
	}
	left := *pending
	for len(left) > 0 {
		n, errno := transfer(syscall.SYS_WRITE, c.fd, left)
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			c.close()
			return
		}
		left = left[n:]
	}
	*pending = append((*pending)[:0], left...)
	if wants := len(left) > 0; wants != c.wantsOut {
		c.wantsOut = wants
		c.watch()
	}
}

func (c *Conn) close() {
	if c.state == stateClosed {
		return
	}
	c.state = stateClosed
	_ = syscall.Close(c.fd) // its end is what counts
	c.loop.byFD[c.fd] = nil
	if c.onDown != nil {
		c.onDown()
	}
}

// leave ends a session's connection with DISCONNECT.
func (c *Conn) leave() {
	c.onDown = nil
	c.send(disconnectPacket)
	c.close()
}

// transfer is one read or write. The socket never blocks, so Go's scheduler need not know.
func transfer(call uintptr, fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
