package listener

import (
	"encoding/binary"
	"net"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// acceptNow is accept4(2), of a socket that does not block.
func acceptNow(listening uintptr) (fd int, from *net.TCPAddr, err error) {
	var a unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, listening, uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return 0, nil, errno
	}
	return int(n), tcpAddr(&a), nil
}

// localAddr is getsockname(2); nil: it failed.
func localAddr(fd int) *net.TCPAddr {
	var a unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	_, _, errno := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return nil
	}
	return tcpAddr(&a)
}

// tcpAddr is a TCP socket's address as package net has it; of no other family it says anything.
func tcpAddr(a *unix.RawSockaddrAny) *net.TCPAddr {
	t := &struct {
		net.TCPAddr
		ip [16]byte
	}{}
	switch a.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(a))
		t.IP, t.Port = append(t.ip[:0], in.Addr[:]...), hostOrder(&in.Port)
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(a))
		t.IP, t.Port, t.Zone = append(t.ip[:0], in.Addr[:]...), hostOrder(&in.Port), zone(in.Scope_id)
	}
	return &t.TCPAddr
}

// hostOrder is a port, whose bytes are in the network's order.
func hostOrder(port *uint16) int {
	return int(binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:]))
}

// zone is the name of a link-local address's interface.
func zone(id uint32) string {
	if id == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(id), 10)
}
