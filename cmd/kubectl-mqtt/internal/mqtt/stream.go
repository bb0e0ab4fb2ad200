package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// Open makes what MQTT is spoken over: TCP, and TLS and a WebSocket where the options say so. Nothing of MQTT is said yet.
func Open(ctx context.Context, o Options) (net.Conn, error) {
	nc, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Address, err)
	}
	return nc, nil
}

func open(ctx context.Context, o Options) (net.Conn, error) {
	var nc net.Conn
	var err error
	if o.TLS == nil {
		nc, err = new(net.Dialer).DialContext(ctx, "tcp", o.Address)
	} else {
		nc, err = (&tls.Dialer{Config: o.TLS}).DialContext(ctx, "tcp", o.Address)
	}
	if err != nil || o.Path == "" {
		return nc, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	w, err := upgrade(nc, o)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return w, nil
}

// upgrade makes a WebSocket of a connection. [MQTT-6.0.0-3]
func upgrade(nc net.Conn, o Options) (*webSocket, error) {
	at := &url.URL{Scheme: "ws", Host: o.Address, Path: o.Path}
	if o.TLS != nil {
		at.Scheme = "wss"
	}
	behind, agreed, err := ws.Dialer{Protocols: []string{"mqtt"}}.Upgrade(nc, at)
	var status ws.StatusError
	switch {
	case errors.As(err, &status):
		return nil, fmt.Errorf("the WebSocket %s is answered with HTTP status %d", o.Path, int(status))
	case err != nil:
		return nil, fmt.Errorf("make a WebSocket of %s: %w", o.Path, err)
	case agreed.Protocol != "mqtt":
		return nil, fmt.Errorf("the WebSocket %s does not speak mqtt", o.Path)
	}
	if behind != nil { // frames came with the answer
		return newWebSocket(nc, behind), nil
	}
	return newWebSocket(nc, nc), nil
}

func newWebSocket(nc net.Conn, from io.Reader) *webSocket {
	w := &webSocket{Conn: nc}
	w.in = wsutil.Reader{Source: from, State: ws.StateClientSide, OnIntermediate: w.control}
	return w
}

// webSocket is a stream in binary messages, of which nobody may rely on where they begin. [MQTT-6.0.0-2]
type webSocket struct {
	net.Conn
	in     wsutil.Reader // of the one goroutine that reads
	inside bool          // of a message: there may be more of it

	writing sync.Mutex
	out     bytes.Buffer
}

// Read implements net.Conn: what is in messages, one after the other.
func (w *webSocket) Read(p []byte) (int, error) {
	for {
		if !w.inside {
			h, err := w.in.NextFrame()
			switch {
			case err != nil:
				return 0, err
			case h.OpCode.IsControl():
				if err := w.control(h, &w.in); err != nil {
					return 0, err
				}
				continue
			case h.OpCode != ws.OpBinary:
				return 0, errors.New("the broker sends a WebSocket message that is not binary") // [MQTT-6.0.0-1]
			}
			w.inside = true
		}
		n, err := w.in.Read(p)
		if errors.Is(err, io.EOF) { // of the message
			w.inside, err = false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write implements net.Conn: p is one message.
func (w *webSocket) Write(p []byte) (int, error) {
	if err := w.frame(ws.OpBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *webSocket) frame(kind ws.OpCode, p []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.out.Reset()
	mask := ws.NewMask()
	err := ws.WriteHeader(&w.out, ws.Header{Fin: true, OpCode: kind, Masked: true, Mask: mask, Length: int64(len(p))})
	if err != nil {
		return err
	}
	head := w.out.Len()
	w.out.Write(p)
	ws.Cipher(w.out.Bytes()[head:], mask, 0)
	_, err = w.Conn.Write(w.out.Bytes())
	return err
}

// control answers a ping and a close, after which nothing comes.
func (w *webSocket) control(h ws.Header, r io.Reader) error {
	payload := make([]byte, h.Length) // at most 125: the reader has checked
	if _, err := io.ReadFull(r, payload); err != nil && h.Length > 0 {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return w.frame(ws.OpPong, payload)
	case ws.OpClose:
		_ = w.frame(ws.OpClose, payload) // the other side has said goodbye, and may be gone
		return io.EOF
	}
	return nil
}
