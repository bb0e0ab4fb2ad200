package check

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// mortal connects a client with a will.
func mortal(t *suite.T, name string, w packet.Will) *suite.Peer {
	t.Helper()
	hello := t.Hello(name, true)
	hello.Will = &w
	return t.Connect(hello)
}

// WillPublished checks that the will is published when the connection ends without DISCONNECT, whoever ends it.
func WillPublished(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 2)
	for name, end := range map[string]func(*suite.Peer){
		"dropped":   func(p *suite.Peer) { p.Close() },
		"malformed": func(p *suite.Peer) { p.Send([]byte{0x36, 2, 0, 0}); p.End() },
		"taken over": func(*suite.Peer) {
			t.Client("taken")
		},
	} {
		client := "m"
		if name == "taken over" {
			client = "taken"
		}
		p := mortal(t, client, packet.Will{Topic: topic, Payload: []byte(name), QoS: 2})
		end(p)
		if got := watch.Take(topic, name); got.QoS != 2 {
			t.Errorf("%s: the will of QoS 2 has QoS %d", name, got.QoS)
		}
	}
	watch.Quiet()
}

// WillGoneOnce checks that the will is gone once it has been published, and after DISCONNECT.
func WillGoneOnce(t *suite.T) {
	topic := t.Topic("will")
	watch, pub := t.Client("watch"), t.Client("pub")
	watch.Join(topic, 1)
	hello := t.Hello("m", false)
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("w"), QoS: 1}
	t.Connect(hello).Close()
	watch.Take(topic, "w")
	t.Keep("m").Close() // this connection has none
	t.Connect(hello).Leave()
	t.Keep("m").Close()
	t.Keep("m").Leave() // the former has been given up
	pub.Say(topic, "marker", 1)
	watch.Take(topic, "marker")
}

// NoWill checks that without a will nothing is published.
func NoWill(t *suite.T) {
	watch := t.Client("watch")
	watch.Join(t.Topic("#"), 1)
	t.Client("m").Close()
	t.Client("m").Leave() // the former has been given up
	t.Client("pub").Say(t.Topic("a"), "marker", 1)
	watch.Take(t.Topic("a"), "marker")
}

// WillNotRetained checks that a will without retain is not retained.
func WillNotRetained(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	mortal(t, "m", packet.Will{Topic: topic, Payload: []byte("w"), QoS: 1}).Close()
	if watch.Take(topic, "w").Retain {
		t.Error("RETAIN is set")
	}
	late := t.Client("late")
	late.Join(topic, 1)
	late.Quiet()
}

// WillRetained checks that a will with retain is retained.
func WillRetained(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	mortal(t, "m", packet.Will{Topic: topic, Payload: []byte("w"), QoS: 1, Retain: true}).Close()
	watch.Take(topic, "w")
	late := t.Client("late")
	late.Join(topic, 1)
	if !late.Take(topic, "w").Retain {
		t.Error("RETAIN is not set")
	}
	forget(t, topic)
}

// WillDiscarded checks that a normal DISCONNECT discards the will.
func WillDiscarded(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	mortal(t, "m", packet.Will{Topic: topic, Payload: []byte("w"), QoS: 1}).Leave()
	t.Client("pub").Say(topic, "marker", 1)
	watch.Take(topic, "marker")
}
