package listener

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcpListener accepts sockets.
type tcpListener struct {
	file   *os.File
	raw    syscall.RawConn // of file
	addr   net.Addr
	closed atomic.Bool
}

// listenTCP listens by package net, and takes the listening socket from it, whose own can only accept net.TCPConns. On Linux connections
// inherit that keep alives are asked for, and that packets leave at once, which spares five system calls each.
func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	c := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = setOptions(int(fd)) }), err)
	}}
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	t := &tcpListener{addr: l.Addr()}
	t.file, err = l.(*net.TCPListener).File()
	if err = errors.Join(err, l.Close()); err == nil {
		t.raw, err = t.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, t.file.Close())
	}
	return t, nil
}

func setOptions(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle/time.Second)),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval/time.Second)),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count),
	)
}

// Accept implements net.Listener. It returns sockets.
func (l *tcpListener) Accept() (net.Conn, error) {
	s := &socket{}
	var err error
	over := l.raw.Read(func(fd uintptr) bool {
		for {
			s.fd, s.remote, err = acceptNow(fd)
			if err != syscall.EINTR && err != syscall.ECONNABORTED { // who has gone already is not worth a word
				return err != syscall.EAGAIN
			}
		}
	})
	switch {
	case over != nil && l.closed.Load():
		return nil, net.ErrClosed
	case over != nil:
		return nil, over
	case err != nil:
		return nil, os.NewSyscallError("accept4", err)
	}
	return s, nil
}

// Addr implements net.Listener.
func (l *tcpListener) Addr() net.Addr { return l.addr }

// Close implements net.Listener.
func (l *tcpListener) Close() error {
	l.closed.Store(true)
	return l.file.Close()
}
