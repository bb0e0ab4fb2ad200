package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// frames are those of WebSocket. A client's are masked; its mask is zeros here, which the broker has to apply all the same.
type frames struct {
	upgraded bool
	head     []byte // the beginning of a header, or of the answer to the upgrade
	left     int    // of a frame whose header has come
}

// WebSocket is MQTT in binary frames. RFC 6455.
func WebSocket(path string) Transport {
	return Transport{begin: func() (layer, []byte) {
		return &frames{}, []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
	}}
}

// maxAnswer bounds the answer to the upgrade, in bytes.
const maxAnswer = 4 << 10

// upgrade takes the answer off wire.
func (f *frames) upgrade(wire []byte) (rest []byte, err error) {
	f.head = append(f.head, wire...)
	head, rest, whole := bytes.Cut(f.head, []byte("\r\n\r\n"))
	switch {
	case whole && bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")):
		f.upgraded, f.head = true, nil
		return rest, nil
	case whole || len(f.head) > maxAnswer:
		return nil, fmt.Errorf("upgrade to WebSocket: the broker says %.60q", f.head)
	}
	return nil, nil
}

func (f *frames) ready() bool { return f.upgraded }

const (
	finalBinary = 0x82
	masked      = 0x80
	opcodeClose = 8
)

func (f *frames) seal(wire, plain []byte) []byte {
	wire = append(wire, finalBinary)
	switch n := len(plain); {
	case n < 126:
		wire = append(wire, masked|byte(n))
	case n < 1<<16:
		wire = binary.BigEndian.AppendUint16(append(wire, masked|126), uint16(n))
	default:
		wire = binary.BigEndian.AppendUint64(append(wire, masked|127), uint64(n))
	}
	return append(append(wire, 0, 0, 0, 0), plain...)
}

// open takes the headers out. Pings are not answered: a benchmark is over before a broker minds.
func (f *frames) open(plain, wire []byte) ([]byte, error) {
	if !f.upgraded {
		var err error
		if wire, err = f.upgrade(wire); err != nil {
			return plain, err
		}
	}
	for len(wire) > 0 {
		if f.left > 0 {
			n := min(f.left, len(wire))
			plain, wire, f.left = append(plain, wire[:n]...), wire[n:], f.left-n
			continue
		}
		f.head, wire = append(f.head, wire[0]), wire[1:]
		n, whole := frameLength(f.head)
		if !whole {
			continue
		}
		if f.head[0]&15 == opcodeClose {
			return plain, io.EOF
		}
		f.left, f.head = n, f.head[:0]
	}
	return plain, nil
}

// frameLength is how much follows a server's header, if that is whole.
func frameLength(head []byte) (n int, whole bool) {
	switch {
	case len(head) < 2:
		return 0, false
	case head[1] < 126:
		return int(head[1]), true
	case head[1] == 126 && len(head) == 4:
		return int(binary.BigEndian.Uint16(head[2:])), true
	case head[1] == 127 && len(head) == 10:
		return int(binary.BigEndian.Uint64(head[2:])), true
	}
	return 0, false
}
