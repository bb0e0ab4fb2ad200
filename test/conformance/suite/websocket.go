package suite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// The WebSocket frames that tests send. RFC 6455 §5.2.
const (
	TextFrame   = 1
	BinaryFrame = 2

	closeFrame = 8
)

// WebSocketPeer is a client's WebSocket that says what it is told, frame by frame.
type WebSocketPeer struct {
	SubProtocol string // the one that the server selected

	t  *T
	nc net.Conn
	in *bufio.Reader
}

// WebSocket opens a WebSocket that offers the sub-protocol mqtt.
func (t *T) WebSocket() *WebSocketPeer {
	t.Helper()
	nc, err := net.DialTimeout("tcp", t.Broker.WebSocket, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() }) // it may be closed already
	_ = nc.SetDeadline(time.Now().Add(2 * patience))
	_, err = fmt.Fprintf(nc, "GET /mqtt HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", t.Broker.WebSocket)
	if err != nil {
		t.Fatal(err)
	}
	w := &WebSocketPeer{t: t, nc: nc, in: bufio.NewReader(nc)}
	answer, err := http.ReadResponse(w.in, nil)
	if err != nil {
		t.Fatalf("read the handshake: %v", err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %s", answer.Status)
	}
	w.SubProtocol = answer.Header.Get("Sec-WebSocket-Protocol")
	return w
}

// Frame sends a frame of a kind, whole and masked; data is under 126 bytes.
func (w *WebSocketPeer) Frame(kind byte, data []byte) {
	w.t.Helper()
	mask := [4]byte{1, 2, 3, 4}
	frame := append([]byte{0x80 | kind, 0x80 | byte(len(data))}, mask[:]...)
	for i, b := range data {
		frame = append(frame, b^mask[i%4])
	}
	_, _ = w.nc.Write(frame) // that the server has ended the connection shows at the next read
}

// Read is the next frame.
func (w *WebSocketPeer) Read() (kind byte, data []byte) {
	w.t.Helper()
	kind, data, err := w.read()
	if err != nil {
		w.t.Fatalf("read a frame: %v", err)
	}
	return kind, data
}

func (w *WebSocketPeer) read() (kind byte, data []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(w.in, head[:2]); err != nil {
		return 0, nil, err
	}
	size := int(head[1])
	switch {
	case size == 126:
		if _, err := io.ReadFull(w.in, head[2:]); err != nil {
			return 0, nil, err
		}
		size = int(binary.BigEndian.Uint16(head[2:]))
	case size > 126:
		return 0, nil, errors.New("a frame that is masked, or larger than any expected")
	}
	data = make([]byte, size)
	_, err = io.ReadFull(w.in, data)
	return head[0] & 0x0F, data, err
}

// End waits for the server to end the connection; it may send a DISCONNECT and a close frame first.
func (w *WebSocketPeer) End() {
	w.t.Helper()
	for {
		kind, data, err := w.read()
		switch {
		case mqtttest.Ended(err), errors.Is(err, io.ErrUnexpectedEOF), err == nil && kind == closeFrame:
			return
		case err != nil:
			w.t.Fatalf("%v instead of the end of the connection", err)
		case kind != BinaryFrame || len(data) == 0 || data[0] != 0xE0:
			w.t.Fatalf("frame of type %d, % x, instead of the end of the connection", kind, data)
		}
	}
}
