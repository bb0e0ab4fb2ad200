package mqtt

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// TestWebSocket: messages of any size come and go over a WebSocket.
func TestWebSocket(t *testing.T) {
	address, _ := broker(t, func(c *config.Config) { c.Listeners[0].Protocol = config.ProtocolWS })
	got := make(chan []byte, 10)
	c := connect(t, Options{Address: address, Path: config.DefaultPath, Connect: packet.Connect{CleanStart: true}, Received: func(p *packet.Publish) {
		got <- bytes.Clone(p.Payload)
	}})
	if _, _, err := c.Subscribe(t.Context(), packet.Subscribe{Filters: []packet.Filter{{Filter: "a", QoS: 2}}}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 19} {
		want := bytes.Repeat([]byte("d"), size)
		if _, err := c.Publish(t.Context(), packet.Publish{Topic: []byte("a"), QoS: 2, Payload: want}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !bytes.Equal(<-got, want) {
			t.Errorf("%d bytes came as others", size)
		}
	}
}

// readFrame is what a client has put into a frame.
func readFrame(r io.Reader) (payload string, err error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return "", err
	}
	data := make([]byte, h.Length)
	_, err = io.ReadFull(r, data)
	ws.Cipher(data, h.Mask, 0)
	return string(data), err
}

// TestFrames: what is in frames is read however they are cut, pings are answered, and a close is the end.
func TestFrames(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close() //nolint:errcheck // a test's
	defer far.Close()  //nolint:errcheck // as above
	answered := make(chan string, 10)
	go func() {
		defer close(answered)
		for {
			payload, err := readFrame(far)
			if err != nil {
				return
			}
			answered <- payload
		}
	}()
	frame := func(fin bool, kind ws.OpCode, payload string) ws.Frame {
		return ws.NewFrame(kind, fin, []byte(payload))
	}
	go func() {
		for _, f := range []ws.Frame{
			frame(true, ws.OpPing, "p1"), frame(false, ws.OpBinary, "ab"), frame(true, ws.OpPing, "p2"), frame(false, ws.OpContinuation, ""),
			frame(true, ws.OpContinuation, "c"), frame(true, ws.OpBinary, ""), frame(true, ws.OpPong, ""), frame(true, ws.OpBinary, "d"), frame(true, ws.OpClose, "\x03\xe8"),
		} {
			_ = ws.WriteFrame(far, f)
		}
	}()
	w := newWebSocket(near, near)
	text, err := io.ReadAll(w)
	if string(text) != "abcd" || err != nil {
		t.Errorf("read %q, %v", text, err)
	}
	for _, want := range []string{"p1", "p2", "\x03\xe8"} {
		if got := <-answered; got != want {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
}

// TestNoWebSocket: what is no WebSocket of MQTT is told apart.
func TestNoWebSocket(t *testing.T) {
	wrong, _ := broker(t, func(c *config.Config) { c.Listeners[0].Protocol = config.ProtocolWS })
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, _, _, err := ws.UpgradeHTTP(r, w) // it agrees on no sub-protocol
		if err != nil {
			t.Error(err)
			return
		}
		_ = nc.Close()
	}))
	defer other.Close()
	text := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := ws.HTTPUpgrader{Protocol: func(string) bool { return true }}
		nc, _, _, err := up.Upgrade(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close() //nolint:errcheck // a test's
		if _, err := readFrame(nc); err != nil {
			t.Error(err)
		}
		_ = ws.WriteFrame(nc, ws.NewTextFrame([]byte("hello")))
	}))
	defer text.Close()
	for _, test := range []struct{ address, want string }{
		{wrong, "the WebSocket /other is answered with HTTP status 404"},
		{script(t, []byte("SSH-2.0-OpenSSH\r\n")), "make a WebSocket of /other: "},
		{strings.TrimPrefix(other.URL, "http://"), "the WebSocket /other does not speak mqtt"},
		{strings.TrimPrefix(text.URL, "http://"), "wait for CONNACK: the broker sends a WebSocket message that is not binary"},
	} {
		_, err := Dial(t.Context(), Options{Address: test.address, Path: "/other"})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
	near, far := net.Pipe()
	_ = far.Close()
	if _, err := newWebSocket(near, near).Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a connection that ends: %v", err)
	}
}
