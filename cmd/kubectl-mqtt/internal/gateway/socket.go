package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// chunk is the most that one frame to the browser carries, in bytes.
const chunk = 32 << 10

// socket passes a WebSocket's messages on to the broker as a stream, and its stream back as messages.
func (g *Gateway) socket(w http.ResponseWriter, r *http.Request) {
	if g.options.Dial == nil {
		http.Error(w, "there is no way to the broker's MQTT", http.StatusNotFound)
		return
	}
	if r.Header.Get("Origin") == "" { // a browser always says it
		http.Error(w, "this WebSocket is for the console's page", http.StatusForbidden)
		return
	}
	select {
	case g.sockets <- struct{}{}:
		defer func() { <-g.sockets }()
	default:
		http.Error(w, "too many connections: close some of the console's pages", http.StatusServiceUnavailable)
		return
	}
	broker, err := g.options.Dial(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	upgrader := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == "mqtt" }}
	conn, buffered, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		_ = broker.Close()
		return // it has answered
	}
	var once sync.Once
	end := func() {
		once.Do(func() {
			_ = conn.Close()
			_ = broker.Close()
		})
	}
	defer end()
	defer context.AfterFunc(r.Context(), end)()
	out := &frames{conn: conn}
	var back sync.WaitGroup
	back.Go(func() {
		defer end()
		out.copy(broker)
	})
	receive(buffered, broker, out)
	end()
	back.Wait()
}

// receive passes the content of messages on until the browser closes or something fails.
func receive(from io.Reader, broker net.Conn, out *frames) {
	r := wsutil.Reader{Source: from, State: ws.StateServerSide, MaxFrameSize: 1 << 28, OnIntermediate: out.control}
	for {
		h, err := r.NextFrame()
		switch {
		case err != nil:
			return
		case h.OpCode.IsControl():
			err = out.control(h, &r)
		case h.OpCode == ws.OpText: // MQTT is binary [MQTT-6.0.0-1]
			out.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusUnsupportedData, "")))
			return
		default:
			_, err = io.Copy(broker, &r)
		}
		if err != nil {
			return
		}
	}
}

// frames writes to the browser, a frame at a time.
type frames struct {
	mu   sync.Mutex
	conn net.Conn
}

func (f *frames) send(frame ws.Frame) bool {
	data, err := ws.CompileFrame(frame)
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err = f.conn.Write(data)
	return err == nil
}

// copy passes on what the broker sends, and then says goodbye.
func (f *frames) copy(broker net.Conn) {
	buf := make([]byte, chunk)
	for {
		n, err := broker.Read(buf)
		if n > 0 && !f.send(ws.NewBinaryFrame(buf[:n])) {
			return
		}
		if err != nil {
			f.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
			return
		}
	}
}

var errClosed = errors.New("closed")

// control answers a ping, and a close, which ends it.
func (f *frames) control(h ws.Header, r io.Reader) error {
	payload := make([]byte, h.Length) // at most 125: the reader has checked
	if _, err := io.ReadFull(r, payload); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		f.send(ws.NewPongFrame(payload))
	case ws.OpClose:
		f.send(ws.NewCloseFrame(payload))
		return errClosed
	}
	return nil
}
