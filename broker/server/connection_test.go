package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestWill: published whenever the connection ends but by a normal DISCONNECT.
func TestWill(t *testing.T) {
	b := run(t, open(t))
	watch := b.connect("watch", true, packet.V5)
	watch.Subscribe(filter("w/#", 2))
	for _, test := range []struct {
		name string
		end  func(*mqtttest.Client)
		sent bool
	}{
		{"closed", (*mqtttest.Client).Close, true},
		{"reset", (*mqtttest.Client).Reset, true},
		{"DISCONNECT", func(c *mqtttest.Client) { c.Disconnect(packet.Disconnect{}) }, false},
		{"DISCONNECT with will", func(c *mqtttest.Client) { c.Disconnect(packet.Disconnect{Reason: packet.DisconnectWithWill}) }, true},
		{"DISCONNECT with an error", func(c *mqtttest.Client) { c.Disconnect(packet.Disconnect{Reason: packet.UnspecifiedError}) }, true},
		{"protocol error", func(c *mqtttest.Client) { c.Send([]byte{0xF0, 0}); c.ExpectDisconnect(packet.ProtocolError) }, true},
		{"malformed packet", func(c *mqtttest.Client) { c.Send([]byte{0, 0}); c.ExpectDisconnect(packet.MalformedPacket) }, true},
	} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, " clean ", clean), func(t *testing.T) {
				p := hello("c", clean, packet.V5)
				p.CleanStart = true
				p.Will = &packet.Will{Topic: "w/1", Payload: []byte(test.name), QoS: 1}
				c := mqtttest.Start(t, b.addr(), p)
				test.end(c)
				if test.sent {
					watch.Take("w/1", test.name)
				}
				next := b.connect("c", true, packet.V5) // it waits until the former is given up
				next.Disconnect(packet.Disconnect{})
				watch.Quiet()
			})
		}
	}
}

func TestWillDelay(t *testing.T) {
	b := run(t, open(t))
	watch := b.connect("watch", true, packet.V5)
	watch.Subscribe(filter("w", 0))
	p := hello("c", false, packet.V5)
	p.Will = &packet.Will{Topic: "w", Payload: []byte("late"), Delay: 1, Retain: true}
	mqtttest.Start(t, b.addr(), p).Close()
	back := mqtttest.Start(t, b.addr(), p) // in time
	watch.Quiet()
	back.Close()
	before := time.Now()
	watch.Take("w", "late")
	if waited := time.Since(before); waited < 900*time.Millisecond {
		t.Errorf("sent after %v", waited)
	}
	watch.Quiet()
	p.Will.Delay = 3600
	mqtttest.Start(t, b.addr(), p).Close()
	b.connect("c", true, packet.V5) // ends the session
	watch.Take("w", "late")
	late := b.connect("late", true, packet.V5)
	subscribe := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("w", 0)}}
	late.Send(subscribe.Append(nil, packet.V5))
	for range 2 {
		if p := late.Packet(); p.Type == packet.TypePublish && !p.Publish.Retain {
			t.Error("the will is not retained")
		}
	}
}

func TestKeepAlive(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.KeepAliveMaxSeconds = 1
	b := run(t, cfg)
	c := mqtttest.Dial(t, b.addr())
	if got := c.Connect(hello("c", true, packet.V5)).Properties; !got.HasServerKeepAlive || got.ServerKeepAlive != 1 {
		t.Errorf("CONNACK: server keep alive %v %d", got.HasServerKeepAlive, got.ServerKeepAlive)
	}
	before := time.Now()
	c.ExpectDisconnect(packet.KeepAliveTimeout)
	if waited := time.Since(before); waited < 1400*time.Millisecond {
		t.Errorf("ended after %v", waited)
	}
}

func TestConnectTimeout(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.ConnectTimeoutSeconds = 1
	b := run(t, cfg)
	for _, begin := range [][]byte{{0x10, 0x7F}, {0x10}, nil} {
		c := mqtttest.Dial(t, b.addr())
		c.Send(begin)
		c.ExpectEnd()
	}
	again := mqtttest.Dial(t, b.addr()) // nobody who has been let in is meant
	again.Connect(hello("c", true, packet.V5))
	mqtttest.Dial(t, b.addr()).ExpectEnd()
	again.Quiet()
}

// TestMalformed: what a peer may send that it should not, and what it is told.
func TestMalformed(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxPacketSizeBytes = 1024
	none := false
	cfg.MQTT.RetainAvailable = &none
	b := run(t, cfg)
	big := text("a", string(make([]byte, 2000)), 0)
	retained := text("a", "", 0)
	retained.Retain = true
	alias := text("", "", 0)
	alias.Alias = 1
	identified := text("a", "", 0)
	identified.SubscriptionIDs = []uint32{1}
	connect := hello("x", true, packet.V5)
	for _, test := range []struct {
		name   string
		raw    []byte
		reason packet.ReasonCode
	}{
		{"type 0", []byte{0x00, 0}, packet.MalformedPacket},
		{"QoS 3", []byte{0x36, 5, 0, 1, 'a', 0, 1}, packet.MalformedPacket},
		{"long length", []byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}, packet.MalformedPacket},
		{"reserved flags", []byte{0x80, 5, 0, 1, 0, 0, 0}, packet.MalformedPacket},
		{"cut PUBLISH", []byte{0x30, 1, 0}, packet.MalformedPacket},
		{"packet identifier 0", []byte{0x32, 6, 0, 1, 'a', 0, 0, 0}, packet.ProtocolError},
		{"wildcard in a topic", []byte{0x30, 4, 0, 1, '#', 0}, packet.TopicNameInvalid},
		{"no filters", []byte{0x82, 3, 0, 1, 0}, packet.ProtocolError},
		{"too large", big.Append(nil, packet.V5), packet.PacketTooLarge},
		{"second CONNECT", connect.Append(nil), packet.ProtocolError},
		{"CONNACK", []byte{0x20, 3, 0, 0, 0}, packet.ProtocolError},
		{"AUTH", []byte{0xF0, 0}, packet.ProtocolError},
		{"RETAIN", retained.Append(nil, packet.V5), packet.RetainNotSupported},
		{"topic alias without a topic", alias.Append(nil, packet.V5), packet.ProtocolError},
		{"subscription identifier", identified.Append(nil, packet.V5), packet.ProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, v := range []packet.Version{packet.V5, packet.V311} {
				c := b.connect("c", true, v)
				c.Send(test.raw)
				if v == packet.V5 {
					if got := c.Expect(packet.TypeDisconnect).Disconnect.Reason; got != test.reason && !(test.name == "wildcard in a topic" && got == packet.MalformedPacket) {
						t.Errorf("%v, and not %v", got, test.reason)
					}
					c.ExpectEnd()
				} else {
					c.Close()
				}
			}
		})
	}
	b.connect("after", true, packet.V5).Quiet()
}

// TestBadConnect: what is refused before there is a session.
func TestBadConnect(t *testing.T) {
	b := run(t, open(t))
	for _, test := range []struct {
		name string
		p    packet.Connect
		want packet.ReasonCode
	}{
		{"will topic", packet.Connect{ClientID: "c", CleanStart: true, Will: &packet.Will{Topic: "a/#"}}, packet.TopicNameInvalid},
		{"authentication method", packet.Connect{ClientID: "c", CleanStart: true, Properties: packet.ConnectProperties{AuthMethod: "x"}}, packet.BadAuthenticationMethod},
	} {
		c := mqtttest.Dial(t, b.addr())
		if got := c.Connect(test.p).Reason; got != test.want && got != packet.MalformedPacket {
			t.Errorf("%s: %v, and not %v", test.name, got, test.want)
		}
		c.ExpectEnd()
	}
	for name, raw := range map[string]string{
		"HTTP": "GET / HTTP/1.1\r\n\r\n", "PUBLISH first": "\x30\x04\x00\x01a\x00", "zeros": "\x00\x00\x00\x00",
		"unknown protocol": "\x10\x0c\x00\x04MQXX\x05\x02\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			c := mqtttest.Dial(t, b.addr())
			c.Send([]byte(raw))
			c.ExpectEnd()
		})
	}
	level := packet.Connect{ClientID: "c", CleanStart: true, Version: packet.V5}
	raw := level.Append(nil)
	raw[8] = 6
	c := mqtttest.Dial(t, b.addr())
	c.Send(raw)
	if got := c.Expect(packet.TypeConnack).Connack.Reason; got != packet.UnsupportedProtocolVersion {
		t.Errorf("level 6: %v", got)
	}
}

// TestMaxPacketSizeOut: a message that the client cannot take is not sent, and the next one is.
func TestMaxPacketSizeOut(t *testing.T) {
	b := run(t, open(t))
	p := hello("c", true, packet.V5)
	p.Properties.MaximumPacketSize = 100
	c := mqtttest.Start(t, b.addr(), p)
	c.Subscribe(filter("a", 1))
	pub := b.connect("pub", true, packet.V5)
	for qos := range byte(2) {
		pub.Say("a", string(make([]byte, 100)), qos)
		pub.Say("a", "small", qos)
		c.Take("a", "small")
	}
	c.Quiet()
}

func TestShutdown(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		cfg := open(t)
		cfg.Store.Dir = dir
		b := run(t, cfg)
		five, four := b.connect("five", false, packet.V5), b.connect("four", false, packet.V311)
		half := mqtttest.Dial(t, b.addr())
		half.Send([]byte{0x10})
		b.connect("pub", true, packet.V5).Quiet()
		b.stop()
		five.ExpectDisconnect(packet.ServerShuttingDown)
		four.ExpectEnd()
		half.ExpectEnd()
		if nc, err := net.Dial("tcp", b.addr()); err == nil {
			_ = nc.Close()
			t.Error("it still accepts")
		}
	}
}

// TestSlowReader: a client that does not read holds bounded memory and holds nobody up.
func TestSlowReader(t *testing.T) {
	for _, qos := range []byte{0, 1} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			cfg := open(t)
			cfg.MQTT.MaxOutboundBytes = 64 << 10
			cfg.MQTT.MaxQueuedBytes = 64 << 10
			b := run(t, cfg)
			slow, quick := b.connect("slow", true, packet.V5), b.connect("quick", true, packet.V5)
			slow.Subscribe(filter("a", qos))
			quick.Subscribe(filter("a", qos))
			pub := b.connect("pub", true, packet.V5)
			payload := bytes.Repeat([]byte("x"), 16<<10)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const many = 2000 // 32 MB
			for i := range many {
				copy(payload, fmt.Sprintf("%08d", i))
				pub.Say("a", string(payload), qos)
				quick.Take("a", string(payload))
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
				t.Errorf("%d bytes more are held", grown)
			}
			got, last := 0, ""
			end := text("a", "end", qos)
			for sent := false; ; {
				p := slow.Expect(packet.TypePublish).Publish
				if got++; string(p.Payload) == "end" {
					break
				}
				if at := string(p.Payload[:8]); at <= last {
					t.Fatalf("%s comes after %s", at, last)
				} else {
					last = at
				}
				slow.Accept(p)
				if !sent && (qos == 1 || got > 3) {
					pub.Publish(end)
					quick.Take("a", "end")
					sent = qos == 1
				}
			}
			if got >= many {
				t.Errorf("all %d have come: nothing was slow", got)
			}
		})
	}
}

// TestStuckClientGone: a client that floods with requests and reads no answer is let go of when it is gone.
func TestStuckClientGone(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxOutboundBytes = 4096
	b := run(t, cfg)
	watch := b.connect("watch", true, packet.V5)
	watch.Subscribe(filter("w", 0))
	p := hello("stuck", true, packet.V5)
	p.Will = &packet.Will{Topic: "w", Payload: []byte("gone")}
	c := mqtttest.Start(t, b.addr(), p)
	pings := bytes.Repeat([]byte{byte(packet.TypePingreq) << 4, 0}, 64<<10)
	for {
		_ = c.Conn().SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Conn().Write(pings); err != nil {
			break // the broker does not read on
		}
	}
	watch.Quiet()
	c.Reset()
	watch.Take("w", "gone")
}

// TestQueueLimits: what waits for an absent client is bounded, and the policy says what goes.
func TestQueueLimits(t *testing.T) {
	for policy, first := range map[config.QueuePolicy]int{config.DropOldest: 10, config.DropNewest: 0} {
		for _, dir := range []string{"", t.TempDir()} {
			t.Run(fmt.Sprint(policy, " disk ", dir != ""), func(t *testing.T) {
				cfg := open(t)
				cfg.MQTT.MaxQueuedMessages, cfg.MQTT.QueuePolicy, cfg.Store.Dir = 10, policy, dir
				b := run(t, cfg)
				c, _ := resume(t, b, "c", packet.V5)
				c.Subscribe(filter("a", 1))
				c.Disconnect(packet.Disconnect{})
				pub := b.connect("pub", true, packet.V5)
				for i := range 20 {
					pub.Say("a", fmt.Sprint(i), 1)
				}
				if dir != "" { // the same after a restart
					b.stop()
					b = start(t, cfg)
				}
				c, _ = resume(t, b, "c", packet.V5)
				for i := range 10 {
					c.Take("a", fmt.Sprint(first+i))
				}
				c.Quiet()
			})
		}
	}
}

// TestTLS: over TLS it works as over TCP, and a new certificate is served without a restart, while
// old connections stay.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "one")
	cfg := open(t)
	cfg.Listeners = append(cfg.Listeners, config.Listener{
		ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: int32(freeport.For(t))}, Host: "127.0.0.1",
		TLS: &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile},
	})
	b := run(t, cfg)
	dial := func() (*mqtttest.Client, string) {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // the certificate is its own authority
		nc, err := d.DialContext(context.Background(), "tcp", b.Addr("mqtts").String())
		if err != nil {
			t.Fatal(err)
		}
		return mqtttest.New(t, nc), nc.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	c, name := dial()
	if name != "one" {
		t.Errorf("certificate of %s", name)
	}
	c.Connect(hello("c", true, packet.V5))
	c.Subscribe(filter("#", 0))
	pub := b.connect("pub", true, packet.V5)
	for _, size := range []int{1, 5000, 70_000, 900_000} {
		payload := string(bytes.Repeat([]byte("x"), size))
		pub.Say("a", payload, 2)
		c.Take("a", payload)
		c.SendPublish(text("b", payload, 0))
		c.Take("b", payload)
	}
	keypairtest.Write(t, dir, "two")
	eventually(t, "the new certificate is served", func() bool {
		next, name := dial()
		next.Close()
		return name == "two"
	})
	c.Quiet()
}

func TestMaxConnections(t *testing.T) {
	cfg := open(t)
	cfg.Listeners[0].MaxConnections = 2
	b := run(t, cfg)
	one, two := b.connect("one", true, packet.V5), b.connect("two", true, packet.V5)
	if got := mqtttest.Dial(t, b.addr()).Connect(hello("three", true, packet.V5)); got.Reason != packet.QuotaExceeded {
		t.Errorf("one too many: %v", got.Reason)
	}
	one.Subscribe(filter("a", 1))
	two.Say("a", "x", 1)
	one.Take("a", "x")
	two.Disconnect(packet.Disconnect{})
	eventually(t, "there is room again", func() bool {
		return mqtttest.Dial(t, b.addr()).Connect(hello("three", true, packet.V5)).Reason == packet.Success
	})
}
