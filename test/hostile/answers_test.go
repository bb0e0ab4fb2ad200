package hostile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// rounds is how often each breach of the protocol is tried: so often that a leak would show.
const rounds = 12

// breach is what a client must not send, and what the broker answers.
type breach struct {
	name string
	wire string // after CONNECT
	five string // what an MQTT 5 client gets, before a PINGRESP if its connection goes on
	four string // what a 3.1.1 client gets; "": the end of the connection, and no more
}

// What a client gets beside a reason code: the answer to a PINGREQ that follows.
const lives = "PINGRESP"

var breaches = []breach{
	{"CONNECT again", "\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00", "DISCONNECT 82", ""},
	{"CONNACK", "\x20\x03\x00\x00\x00", "DISCONNECT 82", ""},
	{"SUBACK", "\x90\x04\x00\x01\x00\x00", "DISCONNECT 82", ""},
	{"UNSUBACK", "\xb0\x04\x00\x01\x00\x00", "DISCONNECT 82", ""},
	{"PINGRESP", "\xd0\x00", "DISCONNECT 82", ""},
	{"AUTH", "\xf0\x00", "DISCONNECT 82", ""},
	{"type 0", "\x00\x00", "DISCONNECT 81", ""},

	{"PUBACK of nothing", "\x40\x02\x00\x09", lives, lives},
	{"PUBREC of nothing", "\x50\x02\x00\x09", "PUBREL 92 " + lives, "PUBREL 00 " + lives},
	{"PUBREL of nothing", "\x62\x02\x00\x09", "PUBCOMP 92 " + lives, "PUBCOMP 00 " + lives},
	{"PUBCOMP of nothing", "\x70\x02\x00\x09", lives, lives},
	{"PUBACK 0", "\x40\x02\x00\x00", "DISCONNECT 82", ""},
	{"PUBREL with wrong flags", "\x60\x02\x00\x01", "DISCONNECT 81", ""},
	{"PUBACK cut short", "\x40\x01\x00", "DISCONNECT 81", ""},

	{"PUBLISH without a topic", "\x30\x03\x00\x00\x00", "DISCONNECT 82", ""},
	{"PUBLISH to a wildcard", "\x30\x04\x00\x01#\x00", "DISCONNECT 90", ""},
	{"PUBLISH with U+0000", "\x30\x04\x00\x01\x00\x00", "DISCONNECT 81", ""},
	{"PUBLISH with QoS 3", "\x36\x06\x00\x01a\x00\x01\x00", "DISCONNECT 81", ""},
	{"PUBLISH with DUP and QoS 0", "\x38\x04\x00\x01a\x00", "DISCONNECT 81", ""},
	{"PUBLISH with identifier 0", "\x32\x06\x00\x01a\x00\x00\x00", "DISCONNECT 82", ""},
	{"PUBLISH with a topic cut short", "\x30\x03\x00\x09a", "DISCONNECT 81", ""},
	{"topic alias 0", "\x30\x07\x00\x01a\x03\x23\x00\x00", "DISCONNECT 94", lives},
	{"topic alias 65535", "\x30\x07\x00\x01a\x03\x23\xff\xff", "DISCONNECT 94", lives},
	{"topic alias that stands for nothing", "\x30\x06\x00\x00\x03\x23\x00\x01", "DISCONNECT", ""}, // 0x82 or 0x94: the standard leaves it open
	{"topic alias twice", "\x30\x0a\x00\x01a\x06\x23\x00\x01\x23\x00\x01", "DISCONNECT 82", lives},
	{"expiry twice", "\x30\x0e\x00\x01a\x0a\x02\x00\x00\x00\x01\x02\x00\x00\x00\x01", "DISCONNECT 82", lives},
	{"payload format 2", "\x30\x06\x00\x01a\x02\x01\x02", "DISCONNECT 82", lives},
	{"a subscription identifier", "\x30\x06\x00\x01a\x02\x0b\x01", "DISCONNECT 82", lives},
	{"a property of another packet", "\x30\x09\x00\x01a\x05\x11\x00\x00\x00\x01", "DISCONNECT 81", lives},
	{"no such property", "\x30\x06\x00\x01a\x02\x04\x01", "DISCONNECT 81", lives},
	{"properties longer than the packet", "\x30\x05\x00\x01a\x7f\x01", "DISCONNECT 81", lives},
	{"a property length without an end", "\x30\x07\x00\x01a\xff\xff\xff\xff", "DISCONNECT 81", lives},
	{"a response topic with a wildcard", "\x30\x08\x00\x01a\x04\x08\x00\x01#", "DISCONNECT", lives},

	{"SUBSCRIBE whose last filter lacks its options", "\x82\x0a\x00\x01\x00\x00\x01a\x00\x00\x01b", "DISCONNECT 81", ""},
	{"SUBSCRIBE with one filter that lacks its options", "\x82\x06\x00\x01\x00\x00\x01a", "DISCONNECT 81", ""},
	{"SUBSCRIBE to nothing", "\x82\x03\x00\x01\x00", "DISCONNECT 82", ""},
	{"SUBSCRIBE without a packet identifier", "\x82\x00", "DISCONNECT 81", ""},
	{"SUBSCRIBE with reserved options", "\x82\x07\x00\x01\x00\x00\x01a\xc0", "DISCONNECT 81", ""},
	{"SUBSCRIBE with QoS 3", "\x82\x07\x00\x01\x00\x00\x01a\x03", "DISCONNECT 82", ""},
	{"SUBSCRIBE to an empty filter", "\x82\x06\x00\x01\x00\x00\x00\x00", "DISCONNECT 82", ""},
	{"SUBSCRIBE with identifier 0 of subscription", "\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", "DISCONNECT 82", ""},
	{"SUBSCRIBE with wrong flags", "\x80\x07\x00\x01\x00\x00\x01a\x00", "DISCONNECT 81", ""},
	{"UNSUBSCRIBE of nothing", "\xa2\x03\x00\x01\x00", "DISCONNECT 82", ""},

	{"PINGREQ with a body", "\xc0\x01\x00", "DISCONNECT 81", ""},
	{"DISCONNECT with wrong flags", "\xe1\x00", "DISCONNECT 81", ""},
	{"DISCONNECT that raises the session expiry", "\xe0\x07\x00\x05\x11\x00\x00\x00\x09", "DISCONNECT 82", ""},
	{"a length of 256 MiB", "\x30\xff\xff\xff\x7f", "DISCONNECT 95", ""},
	{"a length of five bytes", "\x30\xff\xff\xff\xff\x01", "DISCONNECT 81", ""},
	{"a length in more bytes than it needs", "\x30\x84\x00\x00\x01a\x00", "DISCONNECT 81", ""},
}

// TestBreaches: what a client must not send is answered as the standard says, again and again, and leaves nothing behind.
func TestBreaches(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.attack(16, func() {
		for _, test := range breaches {
			for range rounds {
				for v, want := range map[packet.Version]string{packet.V5: test.five, packet.V311: test.four} {
					if got := b.say(v, test.wire); got != want && !(want == "DISCONNECT" && strings.HasPrefix(got, want)) {
						t.Errorf("%s, MQTT %v: %q, want %q", test.name, v, got, want)
					}
				}
			}
		}
	})
}

// say connects, sends wire and PINGREQ, and returns what comes up to PINGRESP or the end.
func (b *target) say(v packet.Version, wire string) string {
	b.t.Helper()
	c, _, err := client.Start(b.Addr, packet.Connect{ClientID: "hostile", CleanStart: true, Version: v})
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	c.Send([]byte(wire))
	c.Ping()
	var got []string
	for {
		p, err := c.Next()
		if err != nil {
			if !ended(err) {
				b.t.Errorf("% x: %v", wire, err)
			}
			return strings.Join(got, " ")
		}
		switch p.Type {
		case packet.TypePingresp:
			return strings.Join(append(got, lives), " ")
		case packet.TypeDisconnect:
			got = append(got, fmt.Sprintf("%v %02x", p.Type, byte(p.Disconnect.Reason)))
		default:
			got = append(got, fmt.Sprintf("%v %02x", p.Type, byte(p.Ack.Reason)))
		}
	}
}

// ended says whether an error is that the peer has ended the connection.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// TestBeforeConnect: who does not begin with CONNECT gets no answer.
func TestBeforeConnect(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	streams := map[string]string{
		"nothing": "", "HTTP": "GET / HTTP/1.1\r\n\r\n", "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "zeros": strings.Repeat("\x00", 100),
		"a length of 256 MiB": "\x10\xff\xff\xff\x7f", "a length of five bytes": "\x10\xff\xff\xff\xff\x01", "0xff": strings.Repeat("\xff", 5000),
		"no MQTT":                "\x10\x0c\x00\x04QTTM\x05\x02\x00\x00\x00\x00",
		"a protocol without end": "\x10\x0c\xff\xffMQTT\x05\x02\x00\x00\x00\x00",
		"PROXY":                  "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
	}
	for _, test := range breaches[1:] {
		streams[test.name] = test.wire
	}
	b.attack(16, func() {
		for name, wire := range streams {
			for range 5 {
				if got := b.send(b.Addr, wire); got != "" {
					t.Errorf("%s: %q", name, got)
				}
			}
		}
	})
}

// send sends wire, and no more, and returns all that comes until the end.
func (b *target) send(addr, wire string) string {
	b.t.Helper()
	nc := b.dial(addr)
	defer nc.Close() //nolint:errcheck // the broker has closed it
	if _, err := io.WriteString(nc, wire); err != nil && !ended(err) {
		b.t.Fatal(err)
	}
	_ = nc.CloseWrite() // it may have ended
	got, err := io.ReadAll(nc)
	if err != nil && !ended(err) {
		b.t.Errorf("%.40q: the connection goes on: %v", wire, err)
	}
	return string(got)
}

// TestRefusedConnects: a CONNECT that breaks the rules is answered with CONNACK where its version is known.
func TestRefusedConnects(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	connect := func(flags byte, props, rest string) string {
		body := "\x00\x04MQTT\x05" + string([]byte{flags}) + "\x00\x00" + string([]byte{byte(len(props))}) + props + rest
		return "\x10" + string(packet.AppendVarint(nil, len(body))) + body
	}
	tests := []struct{ name, wire, reason string }{
		{"receive maximum twice", connect(2, "\x21\x00\x01\x21\x00\x01", "\x00\x00"), "\x82"},
		{"receive maximum 0", connect(2, "\x21\x00\x00", "\x00\x00"), "\x82"},
		{"maximum packet size 0", connect(2, "\x27\x00\x00\x00\x00", "\x00\x00"), "\x82"},
		{"authentication data without a method", connect(2, "\x16\x00\x01x", "\x00\x00"), "\x82"},
		{"an unknown authentication method", connect(2, "\x15\x00\x01x", "\x00\x00"), "\x8c"},
		{"reserved flag", connect(3, "", "\x00\x00"), "\x81"},
		{"will QoS without a will", connect(0x0A, "", "\x00\x00"), "\x81"},
		{"client identifier of no UTF-8", connect(2, "", "\x00\x01\xff"), "\x81"},
		{"client identifier cut short", connect(2, "", "\x00\x09a"), "\x81"},
		{"something behind the end", connect(2, "", "\x00\x00xyz"), "\x81"},
		{"a will to a wildcard", connect(6, "", "\x00\x00\x00\x00\x01#\x00\x00"), "\x90"},
		{"version 9", "\x10\x0d\x00\x04MQTT\x09\x02\x00\x00\x00\x00\x00", "\x84"},
	}
	b.attack(16, func() {
		for _, test := range tests {
			for range 20 {
				if got := b.send(b.Addr, test.wire); len(got) < 4 || got[0] != 0x20 || got[3:4] != test.reason {
					t.Errorf("%s: %q, want reason %q", test.name, got, test.reason)
				}
			}
		}
	})
}

// wait is until the broker ends a connection; it says after how long.
func (b *target) wait(nc net.Conn) time.Duration {
	b.t.Helper()
	begun := time.Now()
	if _, err := io.Copy(io.Discard, nc); err != nil && !ended(err) {
		b.t.Errorf("the connection goes on: %v", err)
	}
	return time.Since(begun)
}
