package listener

import (
	"net"
	"syscall"
)

// Conn is a client's connection. Its descriptor is the socket's.
type Conn interface {
	net.Conn
	syscall.Conn
}

// Polled is a connection with something between MQTT and the socket, TLS or WebSocket or both. Read and Write wait, as those of
// every net.Conn; who would rather wait for the socket, to hold no buffer meanwhile, reads by ReadNow, as by ReadNow of this package
// where there is nothing in between.
type Polled interface {
	Conn

	// Open does what comes before MQTT, the handshakes. It waits, as Read does, and is called before ReadNow.
	Open() error

	// ReadNow reads what is there, without waiting; syscall.EAGAIN: there is nothing. It is called by the one who
	// reads, with the descriptor that the Read of SyscallConn gives.
	ReadNow(fd uintptr, p []byte) (int, error)
}

// below is the part of a connection, as wrap has put it together, that is an L; nil: there is none.
func below[L *secured | *proxied](nc net.Conn) L {
	for nc != nil {
		if layer, ok := nc.(L); ok {
			return layer
		}
		switch c := nc.(type) {
		case *webSocket:
			nc = c.Conn
		case *secured:
			nc = c.feed.Conn
		default:
			return nil
		}
	}
	return nil
}
