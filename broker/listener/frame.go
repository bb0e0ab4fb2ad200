package listener

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"sync"

	"github.com/gobwas/ws"
)

const (
	// maxMessage is the most that a message, the sum of its fragments and their headers, may have, in bytes: the
	// largest MQTT packet and a little. Nothing is held of it; it ends what has no end.
	maxMessage = 256<<20 + 64<<10
	// maxSent is the most payload that one of our frames has: gateways and clients may hold a frame as a whole.
	maxSent = math.MaxUint16
	// frameBuffer is the size of a pooled buffer, in which a frame is put together.
	frameBuffer = 16 << 10
)

// frameError is a breach of the WebSocket protocol, or of a limit, and what the peer is told.
type frameError struct {
	status ws.StatusCode
	detail string
}

// Error says what was wrong.
func (e *frameError) Error() string { return "WebSocket: " + e.detail }

// frames takes what is in a client's frames out of the bytes on the wire.
type frames struct {
	head    [ws.MaxHeaderSize]byte // of a frame that is not whole yet: headLen bytes of it
	headLen int
	header  ws.Header // of the frame that is being read
	left    int64     // bytes of its payload that have not come
	offset  int       // of its payload that have
	message int64     // bytes of the message so far
	state   ws.State
	control []byte // the payload of a control frame so far

	reader bytes.Reader // of head; it and space are here so that a frame allocates nothing
	space  [ws.MaxHeaderSize]byte
}

// unwrap takes the frames' payload out of b, which it overwrites with it; n says how many bytes that is. control gets
// every whole control frame; its payload is valid during the call. What came before an error counts.
func (f *frames) unwrap(b []byte, control func(ws.OpCode, []byte) error) (n int, err error) {
	in := b
	for len(in) > 0 {
		if f.left == 0 {
			whole := false
			if in, whole = f.readHeader(in); !whole {
				return n, nil
			}
			if err := f.begin(); err != nil {
				return n, err
			}
		}
		part := in[:min(int64(len(in)), f.left)]
		in = in[len(part):]
		ws.Cipher(part, f.header.Mask, f.offset)
		f.offset += len(part)
		f.left -= int64(len(part))
		if f.header.OpCode.IsData() {
			n += copy(b[n:], part)
			continue
		}
		f.control = append(f.control, part...)
		if f.left == 0 {
			err := control(f.header.OpCode, f.control)
			if f.control = nil; err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// readHeader moves bytes from in to head until that is whole.
func (f *frames) readHeader(in []byte) (rest []byte, whole bool) {
	for {
		need := headerLen(f.head[:f.headLen])
		if f.headLen == need {
			return in, true
		}
		if len(in) == 0 {
			return nil, false
		}
		k := copy(f.head[f.headLen:need], in)
		f.headLen += k
		in = in[k:]
	}
}

// headerLen is the length of the header that b begins with; 2 as long as that cannot be told.
func headerLen(b []byte) int {
	n := 2
	if len(b) < n {
		return n
	}
	if b[1]&0x80 != 0 {
		n += 4
	}
	switch b[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	return n
}

// begin starts the frame whose header is in head.
func (f *frames) begin() error {
	f.reader.Reset(f.head[:f.headLen])
	h, err := ws.ReadHeaderBuffer(&f.reader, f.space[:])
	if err == nil {
		err = ws.CheckHeader(h, ws.StateServerSide|f.state)
	}
	if err != nil {
		return &frameError{ws.StatusProtocolError, err.Error()}
	}
	if h.OpCode == ws.OpText {
		return &frameError{ws.StatusUnsupportedData, "a text frame: MQTT needs binary ones"} // [MQTT-6.0.0-1]
	}
	if h.OpCode.IsData() {
		if h.OpCode == ws.OpBinary {
			f.message = 0
		}
		if f.message += int64(f.headLen); h.Length > maxMessage-f.message {
			return &frameError{ws.StatusMessageTooBig, fmt.Sprintf("a message of more than %d bytes", maxMessage)}
		}
		f.message += h.Length
		f.state = 0
		if !h.Fin {
			f.state = ws.StateFragmented
		}
	}
	f.header, f.headLen, f.left, f.offset = h, 0, h.Length, 0
	return nil
}

// closed is the error that a close frame ends the connection with: io.EOF for a proper one.
func closed(payload []byte) error {
	if len(payload) == 0 {
		return io.EOF
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if err := ws.CheckCloseFrameData(code, reason); err != nil {
		return &frameError{ws.StatusProtocolError, err.Error()}
	}
	return io.EOF
}

var framePool = sync.Pool{New: func() any { return new([frameBuffer]byte) }}

// writeFrame writes one frame to nc: in one piece if it is small.
func writeFrame(nc net.Conn, op ws.OpCode, payload []byte) error {
	buf := framePool.Get().(*[frameBuffer]byte)
	defer framePool.Put(buf)
	frame := appendHeader(buf[:0], op, len(payload))
	fits := min(len(payload), frameBuffer-len(frame))
	_, err := nc.Write(append(frame, payload[:fits]...))
	if err == nil && fits < len(payload) {
		_, err = nc.Write(payload[fits:])
	}
	return err
}

// appendHeader appends the header of a frame from a server, a message of its own of at most maxSent bytes. RFC 6455 §5.2.
func appendHeader(b []byte, op ws.OpCode, length int) []byte {
	b = append(b, 0x80|byte(op))
	if length <= 125 {
		return append(b, byte(length))
	}
	return binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
}
