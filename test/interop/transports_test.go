package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// TestWebSocket has Mosquitto's clients speak through a relay that puts what they say into frames.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	c := open(t)
	for _, protocol := range []config.Protocol{config.ProtocolWS, config.ProtocolWSS} {
		l := config.Listener{Host: "127.0.0.1",
			ListenerSettings: config.ListenerSettings{Name: strings.ToLower(string(protocol)), Protocol: protocol, Port: int32(freeport.For(t))}}
		if protocol.Secure() {
			l.TLS = &config.ListenerTLS{CertFile: certificate, KeyFile: key}
		}
		c.Listeners = append(c.Listeners, l)
	}
	b := serve(t, c)
	large := strings.Repeat("0123456789abcdef", 8_000) // in two frames from the broker, and many to it
	for i, scheme := range []string{"ws", "wss"} {
		port := relay(t, func() (net.Conn, error) { return dialWebSocket(scheme + "://127.0.0.1:" + b.port(i+1) + "/mqtt") })
		for _, version := range versions {
			for qos := range 3 {
				t.Run(fmt.Sprintf("%s/%s/QoS%d", scheme, version, qos), func(t *testing.T) {
					q, topic := fmt.Sprint(qos), fmt.Sprintf("web/%s/%s/%d", scheme, version, qos)
					s := b.subscribe(t, "-p", port, "-V", version, "-q", q, "-t", topic)
					b.publish(t, "-p", port, "-V", version, "-q", q, "-t", topic, "-m", "from the web")
					b.publish(t, "-V", version, "-q", q, "-t", topic, "-m", large)
					s.receives(t, topic+" "+q+" 0 from the web", topic+" "+q+" 0 "+large)
				})
			}
		}
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	c := open(t)
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	c.Listeners = append(c.Listeners, config.Listener{
		ListenerSettings: config.ListenerSettings{Name: "local", Protocol: config.ProtocolMQTT}, Socket: path,
	})
	b := serve(t, c)
	s := b.subscribe(t, "--unix", path, "-q", "2", "-t", "local")
	b.publish(t, "--unix", path, "-q", "2", "-t", "local", "-m", "over a socket")
	b.publish(t, "-q", "2", "-t", "local", "-m", "over TCP") // at one QoS: mosquitto_sub shows a QoS 2 message at its PUBREL
	s.receives(t, "local 2 0 over a socket", "local 2 0 over TCP")
}

// TestProxyProtocol: clients behind a proxy are known by their own addresses.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.Log.Level = config.LogDebug
	c.Listeners = append(c.Listeners, config.Listener{Host: "127.0.0.1", ListenerSettings: config.ListenerSettings{
		Name: "proxied", Protocol: config.ProtocolMQTT, Port: int32(freeport.For(t)),
		ProxyProtocol: &config.ProxyProtocol{Trusted: []string{"127.0.0.1"}},
	}})
	b := serve(t, c)
	port := relay(t, func() (net.Conn, error) {
		nc, err := net.Dial("tcp", "127.0.0.1:"+b.port(1))
		if err == nil {
			_, err = io.WriteString(nc, "PROXY TCP4 203.0.113.9 192.0.2.1 40000 1883\r\n")
		}
		return nc, err
	})
	s := b.subscribe(t, "-p", port, "-q", "1", "-t", "p")
	b.line("peer=203.0.113.9:40000")
	b.publish(t, "-p", port, "-q", "1", "-t", "p", "-m", "through a proxy")
	s.receives(t, "p 1 0 through a proxy")
	if out, err := b.tryPublish("-p", b.port(1), "-t", "p", "-m", "past the proxy"); err == nil {
		t.Errorf("a trusted address needs no header: %s", out)
	}
}

// relay connects each TCP client to what dial gives, and returns its port.
func relay(t *testing.T, dial func() (net.Conn, error)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			broker, err := dial()
			if err != nil {
				t.Error(err)
				_ = client.Close()
				continue
			}
			go pipe(client, broker)
			go pipe(broker, client)
		}
	}()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// pipe copies until one side ends, and then ends the other.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(struct{ io.Writer }{to}, struct{ io.Reader }{from})
	_, _ = to.Close(), from.Close()
}

// webSocket is a client's connection that cuts what it sends into odd fragments.
type webSocket struct {
	net.Conn
	wire io.Reader // with what came behind the handshake
	left []byte    // of a frame that has been read
}

func dialWebSocket(url string) (net.Conn, error) {
	d := ws.Dialer{Protocols: []string{"mqtt"}, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	nc, br, hs, err := d.Dial(context.Background(), url)
	if err != nil {
		return nil, err
	}
	if hs.Protocol != "mqtt" {
		return nil, fmt.Errorf("sub-protocol %q", hs.Protocol)
	}
	c := &webSocket{Conn: nc, wire: nc}
	if br != nil {
		c.wire = br
	}
	return c, nil
}

func (c *webSocket) Write(p []byte) (int, error) {
	op, size := ws.OpBinary, 1
	for sent := 0; sent < len(p); {
		part := append([]byte(nil), p[sent:min(sent+size, len(p))]...)
		sent += len(part)
		if err := ws.WriteFrame(c.Conn, ws.MaskFrameInPlace(ws.NewFrame(op, sent == len(p), part))); err != nil {
			return sent, err
		}
		op, size = ws.OpContinuation, 3*size
	}
	return len(p), nil
}

func (c *webSocket) Read(p []byte) (int, error) {
	for len(c.left) == 0 {
		h, err := ws.ReadHeader(c.wire)
		if err != nil || h.OpCode == ws.OpClose {
			return 0, io.EOF
		}
		if h.OpCode != ws.OpBinary || h.Length > 1<<20 {
			return 0, fmt.Errorf("frame %+v", h)
		}
		c.left = make([]byte, h.Length)
		if _, err := io.ReadFull(c.wire, c.left); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}
