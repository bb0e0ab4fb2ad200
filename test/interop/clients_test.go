package interop

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// message is one that a client publishes or has received.
type message struct {
	topic, payload string
	qos            byte
	retained       bool
}

// hello is how a client connects. The zero value is a clean session with a name of the client's own.
type hello struct {
	id   string
	keep bool // the session outlives the connection
	will *message
}

// link is a connected client of some library. It answers what the broker sends.
type link interface {
	subscribe(t *testing.T, filter string, qos byte)
	publish(t *testing.T, m message) // returns when it is acknowledged
	receive(t *testing.T) message    // the next that has come, or comes
	end()                            // disconnects politely
	cut()                            // breaks the connection
}

// library connects a client library over one transport.
type library func(t *testing.T, b *broker, h hello) link

// transports are the listeners of everywhere: config's names for them, and those of URLs.
var transports = []struct {
	protocol config.Protocol
	scheme   string
}{{config.ProtocolMQTT, "mqtt"}, {config.ProtocolMQTTS, "mqtts"}, {config.ProtocolWS, "ws"}, {config.ProtocolWSS, "wss"}}

// everywhere is a configuration with a listener for each transport, and room for packets of 16 MiB.
func everywhere(t *testing.T) (c config.Config, certificate string) {
	t.Helper()
	certificate, key := selfSigned(t)
	c = open(t)
	c.Listeners = nil
	for _, tr := range transports {
		l := config.Listener{Host: "127.0.0.1", ListenerSettings: config.ListenerSettings{
			Name: strings.ToLower(string(tr.protocol)), Protocol: tr.protocol, Port: int32(freeport.For(t))}}
		if tr.protocol.Secure() {
			l.TLS = &config.ListenerTLS{CertFile: certificate, KeyFile: key}
		}
		c.Listeners = append(c.Listeners, l)
	}
	c.MQTT.MaxPacketSizeBytes = large + 1024
	return c, certificate
}

// url is where a client finds a transport of everywhere.
func (b *broker) url(scheme string) string {
	for i, tr := range transports {
		if tr.scheme == scheme {
			path := ""
			if tr.protocol.WebSocket() {
				path = config.DefaultPath
			}
			return scheme + "://127.0.0.1:" + b.port(i) + path
		}
	}
	panic("no transport " + scheme)
}

// receives checks that the messages come next, in order, and no other between them.
func receives(t *testing.T, l link, want ...message) {
	t.Helper()
	for _, m := range want {
		if got := l.receive(t); got != m {
			t.Fatalf("received %s %d %v %s, want %s %d %v %s", got.topic, got.qos, got.retained, short(got.payload), m.topic, m.qos, m.retained, short(m.payload))
		}
	}
}

// scenarios are what every library is put through.
func scenarios(t *testing.T, b *broker, lib library) {
	for _, s := range []struct {
		name string
		run  func(t *testing.T, b *broker, lib library)
	}{
		{"deliver", deliver}, {"retain", retain}, {"will", will}, {"session", session},
		{"share", share}, {"large", sendLarge}, {"reconnect", reconnect},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, b, lib) })
	}
}

// topicOf is a topic that no other test uses with this broker.
func topicOf(t *testing.T) string { return t.Name() }
