package poll

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// atOnce is how many sockets one system call tells of.
const atOnce = 256

// interest is what a socket is watched for. By EPOLLET the kernel tells of it once each time that something comes, and nobody has to
// ask again.
const interest = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// over is what there is when nothing will come any more.
const over = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR

// Poller watches sockets. Its methods are for any number of goroutines.
type Poller struct {
	file   *os.File // the epoll instance, which Go's network poller watches as it does a socket
	fd     int
	ended  chan struct{}
	mu     sync.Mutex
	watch  []Socket // by descriptor
	events [atOnce]unix.EpollEvent
}

// New makes a Poller that watches nothing. It is to be closed.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err == nil {
		err = unix.SetNonblock(fd, true) // else os would not have it watched
	}
	if err != nil {
		return nil, fmt.Errorf("make an epoll instance: %w", err)
	}
	p := &Poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, ended: make(chan struct{})}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch an epoll instance: %w", err), p.file.Close())
	}
	go p.run(raw)
	return p, nil
}

// run tells sockets until the Poller is closed.
func (p *Poller) run(raw syscall.RawConn) {
	defer close(p.ended)
	_ = raw.Read(func(uintptr) bool { // its error is that the Poller is closed
		p.Look()
		return false
	})
}

// Look tells at once those sockets that something has come to and that have not been told yet.
func (p *Poller) Look() {
	for more := true; more; {
		p.mu.Lock()
		n, err := look(p.fd, p.events[:])
		for _, e := range p.events[:n] {
			if int(e.Fd) < len(p.watch) && p.watch[e.Fd] != nil { // else it has been closed meanwhile
				p.watch[e.Fd].Readable(e.Events&over != 0)
			}
		}
		p.mu.Unlock()
		more = n == atOnce || err == syscall.EINTR
	}
}

// Add watches a socket, which is told at once if there is something to read already, until Remove or until its descriptor is closed.
func (p *Poller) Add(fd int, s Socket) error {
	p.mu.Lock()
	if fd >= len(p.watch) {
		grown := make([]Socket, max(2*len(p.watch), fd+1))
		copy(grown, p.watch)
		p.watch = grown
	}
	p.watch[fd] = s
	p.mu.Unlock()
	err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: interest, Fd: int32(fd)})
	if err != nil {
		p.Remove(fd, s)
		return fmt.Errorf("watch a socket: %w", os.NewSyscallError("epoll_ctl", err))
	}
	return nil
}

// Remove forgets a socket, if it is watched. Its descriptor may have been closed, and be another's by now.
func (p *Poller) Remove(fd int, s Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fd < len(p.watch) && p.watch[fd] == s {
		p.watch[fd] = nil
	}
}

// Close returns when no socket is told any more. Nothing may call Look or Add afterwards.
func (p *Poller) Close() error {
	err := p.file.Close()
	<-p.ended
	return err
}
