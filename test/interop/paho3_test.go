package interop

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// TestPaho3 is paho.mqtt.golang: MQTT 3.1 and 3.1.1 over every transport.
func TestPaho3(t *testing.T) {
	t.Parallel()
	c, certificate := everywhere(t)
	b := serve(t, c)
	trust := trusting(t, certificate)
	for _, over := range []struct {
		name, scheme string
		level        uint
	}{
		{"3.1", "mqtt", 3}, {"3.1.1", "mqtt", 4}, {"3.1.1", "mqtts", 4}, {"3.1.1", "ws", 4}, {"3.1.1", "wss", 4}, {"3.1", "ws", 3},
	} {
		t.Run(over.name+"/"+over.scheme, func(t *testing.T) {
			scenarios(t, b, func(t *testing.T, b *broker, h hello) link {
				return dialPaho3(t, b.url(over.scheme), over.level, trust, h)
			})
		})
	}
}

// trusting is a client's configuration that trusts a CA.
func trusting(t *testing.T, certificate string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool}
}

// paho3 is a link of paho.mqtt.golang.
type paho3 struct {
	client mqtt.Client
	nc     net.Conn
	inbox  chan message
}

func dialPaho3(t *testing.T, to string, level uint, trust *tls.Config, h hello) link {
	t.Helper()
	l := &paho3{inbox: make(chan message, 4096)}
	o := mqtt.NewClientOptions().AddBroker(to).SetClientID(h.id).SetCleanSession(!h.keep).SetProtocolVersion(level).
		SetAutoReconnect(false).SetTLSConfig(trust).SetConnectTimeout(patience).
		SetCustomOpenConnectionFn(func(at *url.URL, o mqtt.ClientOptions) (nc net.Conn, err error) {
			switch at.Scheme {
			case "mqtt":
				nc, err = net.Dial("tcp", at.Host)
			case "mqtts":
				nc, err = tls.Dial("tcp", at.Host, o.TLSConfig)
			default:
				nc, err = mqtt.NewWebsocket(at.String(), o.TLSConfig, o.ConnectTimeout, nil, nil)
			}
			l.nc = nc
			return nc, err
		}).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			l.inbox <- message{m.Topic(), string(m.Payload()), m.Qos(), m.Retained()}
		})
	if h.id == "" && level == 3 {
		o.SetClientID(unique()) // 3.1 has no empty one
	}
	if w := h.will; w != nil {
		o.SetBinaryWill(w.topic, []byte(w.payload), w.qos, w.retained)
	}
	l.client = mqtt.NewClient(o)
	done(t, "connect", l.client.Connect())
	return l
}

// done waits for what a token stands for.
func done(t *testing.T, what string, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("%s: %v", what, token.Error())
	}
}

func (l *paho3) subscribe(t *testing.T, filter string, qos byte) {
	t.Helper()
	token := l.client.Subscribe(filter, qos, nil)
	done(t, "subscribe", token)
	for name, got := range token.(*mqtt.SubscribeToken).Result() { // by the filter without $share and group
		if got != qos {
			t.Fatalf("subscribe to %s: granted %d, want %d", name, got, qos)
		}
	}
}

func (l *paho3) publish(t *testing.T, m message) {
	t.Helper()
	done(t, "publish", l.client.Publish(m.topic, m.qos, m.retained, m.payload))
}

func (l *paho3) receive(t *testing.T) message {
	t.Helper()
	return await(t, l.inbox)
}

// await is the next message of an inbox.
func await(t *testing.T, inbox <-chan message) message {
	t.Helper()
	select {
	case m := <-inbox:
		return m
	case <-time.After(patience):
		t.Fatalf("no message within %s", patience)
		return message{}
	}
}

// end waits until DISCONNECT has been written: with 0 it need not be.
func (l *paho3) end() { l.client.Disconnect(uint(patience.Milliseconds())) }

func (l *paho3) cut() { _ = l.nc.Close() }

// TestPaho3Reconnects: the client comes back by itself to a broker that was killed, and so does what was on its way.
func TestPaho3Reconnects(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.Store.Dir = t.TempDir()
	b := serve(t, c)
	at, err := url.Parse("mqtt://127.0.0.1:" + b.port(0))
	if err != nil {
		t.Fatal(err)
	}
	inbox := make(chan message, 4096)
	options := func(id string) *mqtt.ClientOptions {
		return mqtt.NewClientOptions().AddBroker(at.String()).SetClientID(id).SetCleanSession(false).
			SetMaxReconnectInterval(50 * time.Millisecond).SetConnectRetryInterval(10 * time.Millisecond)
	}
	to := mqtt.NewClient(options("to").SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		inbox <- message{topic: m.Topic(), payload: string(m.Payload()), qos: m.Qos()}
	}))
	from := mqtt.NewClient(options("from"))
	done(t, "connect", to.Connect())
	done(t, "connect", from.Connect())
	defer to.Disconnect(1000)
	defer from.Disconnect(1000)
	done(t, "subscribe", to.Subscribe("restarts", 2, nil))
	outlives(t, b, inbox, false, func(payload string) <-chan error {
		token, published := from.Publish("restarts", 2, false, payload), make(chan error, 1)
		go func() {
			<-token.Done()
			published <- token.Error()
		}()
		return published
	})
}
