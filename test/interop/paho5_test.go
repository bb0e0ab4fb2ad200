package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// TestPaho5 is paho.golang: MQTT 5 over TCP, TLS and WebSocket.
func TestPaho5(t *testing.T) {
	t.Parallel()
	c, certificate := everywhere(t)
	b := serve(t, c)
	trust := trusting(t, certificate)
	for scheme, dial := range map[string]func(b *broker) (net.Conn, error){
		"mqtt": func(b *broker) (net.Conn, error) { return net.Dial("tcp", "127.0.0.1:"+b.port(0)) },
		"mqtts": func(b *broker) (net.Conn, error) {
			return tls.Dial("tcp", "127.0.0.1:"+b.port(1), trust)
		},
		"ws": func(b *broker) (net.Conn, error) { return dialWebSocket(b.url("ws")) },
	} {
		t.Run(scheme, func(t *testing.T) {
			scenarios(t, b, func(t *testing.T, b *broker, h hello) link {
				nc, err := dial(b)
				if err != nil {
					t.Fatal(err)
				}
				l, _ := dialPaho5(t, nc, h)
				return l
			})
		})
	}
}

// last numbers names.
var last atomic.Int64

// unique is a name that nobody else has.
func unique() string { return fmt.Sprintf("client-%d", last.Add(1)) }

// paho5 is a link of paho.golang.
type paho5 struct {
	client *paho.Client
	nc     net.Conn
	inbox  chan message
}

func dialPaho5(t *testing.T, nc net.Conn, h hello) (*paho5, *paho.Connack) {
	t.Helper()
	l := &paho5{nc: nc, inbox: make(chan message, 4096)}
	l.client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(nc), PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			l.inbox <- message{p.Packet.Topic, string(p.Packet.Payload), p.Packet.QoS, p.Packet.Retain}
			return true, nil
		}},
	})
	p := &paho.Connect{ClientID: h.id, CleanStart: !h.keep, KeepAlive: 60}
	if h.keep {
		p.Properties = &paho.ConnectProperties{SessionExpiryInterval: new(uint32(3600))}
	}
	if w := h.will; w != nil {
		p.WillMessage = &paho.WillMessage{Topic: w.topic, Payload: []byte(w.payload), QoS: w.qos, Retain: w.retained}
	}
	connack, err := l.client.Connect(within(t), p)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	return l, connack
}

// within is as long as a test waits.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (l *paho5) subscribe(t *testing.T, filter string, qos byte) {
	t.Helper()
	ack, err := l.client.Subscribe(within(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}})
	if err != nil || ack.Reasons[0] != qos {
		t.Fatalf("subscribe to %s: %v, %+v", filter, err, ack)
	}
}

func (l *paho5) publish(t *testing.T, m message) {
	t.Helper()
	if _, err := l.client.Publish(within(t), &paho.Publish{Topic: m.topic, Payload: []byte(m.payload), QoS: m.qos, Retain: m.retained}); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func (l *paho5) receive(t *testing.T) message {
	t.Helper()
	return await(t, l.inbox)
}

func (l *paho5) end() { _ = l.client.Disconnect(&paho.Disconnect{}) }

func (l *paho5) cut() { _ = l.nc.Close() }

// shares asks CONNACK whether the broker has shared subscriptions.
func (b *broker) shares(t *testing.T) bool {
	t.Helper()
	nc, err := net.Dial("tcp", "127.0.0.1:"+b.port(0))
	if err != nil {
		t.Fatal(err)
	}
	l, connack := dialPaho5(t, nc, hello{})
	l.end()
	return connack.Properties.SharedSubAvailable
}

// TestAutopaho: the client comes back by itself to a broker that was killed, and so does what was on its way.
func TestAutopaho(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.Store.Dir = t.TempDir()
	b := serve(t, c)
	inbox := make(chan message, 4096)
	autoconnect(t, b, "to", func(m *autopaho.ConnectionManager, ack *paho.Connack) {
		if ack.SessionPresent {
			return // it has its subscription
		}
		go func() {
			_, _ = m.Subscribe(context.Background(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "restarts", QoS: 2}}})
			inbox <- message{payload: "subscribed"}
		}()
	}, func(p paho.PublishReceived) (bool, error) {
		inbox <- message{topic: p.Packet.Topic, payload: string(p.Packet.Payload), qos: p.Packet.QoS}
		return true, nil
	})
	if m := await(t, inbox); m.payload != "subscribed" {
		t.Fatalf("%+v came before the subscription", m)
	}
	from := autoconnect(t, b, "from", nil)
	outlives(t, b, inbox, true, func(payload string) <-chan error {
		published := make(chan error, 1)
		go func() {
			if err := from.AwaitConnection(within(t)); err != nil {
				published <- err
				return
			}
			_, err := from.Publish(within(t), &paho.Publish{Topic: "restarts", Payload: []byte(payload), QoS: 2})
			published <- err
		}()
		return published
	})
}

func autoconnect(t *testing.T, b *broker, id string, up func(*autopaho.ConnectionManager, *paho.Connack),
	received ...func(paho.PublishReceived) (bool, error)) *autopaho.ConnectionManager {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: "127.0.0.1:" + b.port(0)}},
		KeepAlive:  60, SessionExpiryInterval: 3600, ConnectTimeout: patience,
		ReconnectBackoff: func(int) time.Duration { return 10 * time.Millisecond },
		OnConnectionUp:   up,
		ClientConfig:     paho.ClientConfig{ClientID: id, PacketTimeout: patience, OnPublishReceived: received},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		<-m.Done()
	})
	if err := m.AwaitConnection(within(t)); err != nil {
		t.Fatal(err)
	}
	return m
}

// outlives restarts the broker again and again, and publishes between. Everything that was acknowledged comes, whatever
// the broker was doing. Some of it comes again, marked DUP, since neither paho looks at that; and paho.mqtt.golang sends
// what it has stored in any order, and a PUBLISH again that it has sent the PUBREL of. inOrder: it does not.
func outlives(t *testing.T, b *broker, inbox <-chan message, inOrder bool, publish func(payload string) <-chan error) {
	t.Helper()
	const messages = 7
	for n := range messages {
		if err := <-publish(fmt.Sprint(n)); err != nil {
			t.Fatalf("publish: %v", err)
		}
		if n < messages-1 {
			b.restart(t, []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[n%2])
		}
	}
	seen := make(map[string]bool)
	for len(seen) < messages {
		m := await(t, inbox)
		if inOrder && !seen[m.payload] && m.payload != fmt.Sprint(len(seen)) || m.qos != 2 {
			t.Fatalf("received %+v, want %d", m, len(seen))
		}
		seen[m.payload] = true
	}
}
