package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// stream is a trace under way.
type stream struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Scanner
}

// trace begins one, and returns when it has begun.
func (c *caller) trace(t *testing.T, query string) *stream {
	t.Helper()
	resp := c.do("GET", "/v1/trace?"+query)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("trace: %s", resp.Status)
	}
	t.Cleanup(func() { _ = resp.Body.Close() }) // it may be closed already
	s := &stream{t, resp, bufio.NewScanner(resp.Body)}
	s.lines.Buffer(nil, 1<<20)
	return s
}

// next is the next event.
func (s *stream) next() (e api.Event) {
	s.t.Helper()
	if !s.lines.Scan() {
		s.t.Fatalf("the stream has ended: %v", s.lines.Err())
	}
	if err := json.Unmarshal(s.lines.Bytes(), &e); err != nil {
		s.t.Fatalf("%s: %v", s.lines.Bytes(), err)
	}
	if age := time.Since(e.Time); age < 0 || age > time.Minute {
		s.t.Errorf("time %v", e.Time)
	}
	return e
}

// want fails if the next events, in a line each, are not these.
func (s *stream) want(want ...string) {
	s.t.Helper()
	for _, w := range want {
		e := s.next()
		got := strings.Join(strings.Fields(fmt.Sprintln(e.Direction, e.Client, e.User, e.Packet, e.Topic, strings.Join(e.Filters, " "), flag(e.QoS > 0, "q", e.QoS),
			flag(e.Retain, "retain", ""), flag(e.Dup, "dup", ""), flag(e.PacketID > 0, "#", e.PacketID), e.Reason, string(e.Payload))), " ")
		if got != w {
			s.t.Errorf("%s\nwant\n%s", got, w)
		}
		if e.Size < 2 {
			s.t.Errorf("%+v", e)
		}
	}
}

func flag(set bool, text string, value any) string {
	if !set {
		return ""
	}
	return text + fmt.Sprint(value)
}

// TestAdminTrace: all that one client sends and gets, from CONNECT on.
func TestAdminTrace(t *testing.T) {
	cfg := open(t)
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann"))
	administered(t, &cfg)
	b := run(t, cfg)
	reader := call(t, cfg, "Read")
	s := reader.trace(t, "client=c&payload=true")
	wrong := mqtttest.Dial(t, b.addr())
	wrong.Connect(packet.Connect{ClientID: "c", CleanStart: true, Version: packet.V5, Username: "ann", HasUsername: true, Password: []byte("x"), HasPassword: true})
	s.want("In c ann CONNECT", "Out c ann CONNACK Bad User Name or Password")
	c := b.connect("c", true, packet.V5)
	other := b.connect("other", true, packet.V5)
	s.want("In c CONNECT", "Out c CONNACK Success")
	c.Subscribe(filter("a/#", 1), filter("b", 0))
	s.want("In c SUBSCRIBE a/# b #1", "Out c SUBACK #1 Granted QoS 1, Granted QoS 0")
	other.Say("a/1", "hello", 1)
	got := c.ExpectMessage("a/1", "hello")
	s.want("Out c PUBLISH a/1 q1 #1 hello")
	c.Accept(got)
	c.Publish(packet.Publish{Topic: []byte("x"), Payload: []byte("bye"), QoS: 2, Retain: true})
	s.want("In c PUBACK #1 Success", "In c PUBLISH x q2 retain #2 bye", "Out c PUBREC #2 No matching subscribers", "In c PUBREL #2 Success", "Out c PUBCOMP #2 Success")
	c.Unsubscribe("b")
	s.want("In c UNSUBSCRIBE b #3", "Out c UNSUBACK #3 Success")
	c.Quiet()
	s.want("In c PINGREQ", "Out c PINGRESP")
	call(t, cfg, "Write").want("DELETE", "/v1/clients/c", 204, "")
	s.want("Out c DISCONNECT Administrative action")
	c.ExpectDisconnect(packet.AdministrativeAction)
}

// TestAdminTraceTopic: only what concerns a topic, of clients of any identifier, also where it goes by an alias.
func TestAdminTraceTopic(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	reader := call(t, cfg, "Read")
	s := reader.trace(t, "topic=long/topic/%2B")
	sub := mqtttest.Start(t, b.addr(), packet.Connect{
		ClientID: "sub", CleanStart: true, Version: packet.V5, Properties: packet.ConnectProperties{TopicAliasMaximum: 5},
	})
	sub.Subscribe(filter("long/#", 0), filter("else", 0))
	s.want("In sub SUBSCRIBE long/# else #1")
	pub := b.connect("pub", true, packet.V5)
	for k := range 3 {
		p := packet.Publish{Topic: []byte("long/topic/name"), Payload: []byte{byte(k)}, Alias: 1}
		if k > 0 {
			p.Topic = nil
		}
		pub.SendPublish(p)
		if p := sub.Packet().Publish; (len(p.Topic) == 0) != (k > 0) {
			t.Fatalf("message %d has topic %q", k, p.Topic)
		}
		s.want("In pub PUBLISH long/topic/name", "Out sub PUBLISH long/topic/name")
	}
	pub.Say("else", "x", 0)
	sub.ExpectMessage("else", "x")
	pub.Say("long/topic/last", "x", 0)
	s.want("In pub PUBLISH long/topic/last", "Out sub PUBLISH long/topic/last")
	reader.want("GET", "/v1/trace?topic=a%23", 400, "topic")
}

// TestAdminTraceLarge: payloads that are written by reference, and their first kilobyte only.
func TestAdminTraceLarge(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	c := b.connect("c", true, packet.V311)
	c.Subscribe(filter("a", 0))
	s := call(t, cfg, "Read").trace(t, "topic=a&payload=true")
	large := strings.Repeat("0123456789", 10_000)
	c.SendPublish(text("a", large, 0))
	c.ExpectMessage("a", large)
	if e := s.next(); e.Direction == "In" { // that of the SUBSCRIBE came before
		if string(e.Payload) != large[:1024] || e.Size < 100_000 {
			t.Errorf("%d bytes of %d", len(e.Payload), e.Size)
		}
	}
	if e := s.next(); e.Direction != "Out" || string(e.Payload) != large[:1024] || e.Size < 100_000 {
		t.Errorf("%d bytes of %d", len(e.Payload), e.Size)
	}
}

// TestAdminTraceFlood: a flood is shown as far as there is room, and how much was missed is told; the broker does not
// wait for who does not read.
func TestAdminTraceFlood(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	reader := call(t, cfg, "Read")
	s := reader.trace(t, "client=flood")
	b.connect("silent", true, packet.V5)
	c := b.connect("flood", true, packet.V5)
	const sent = 20_000
	packets := make([]byte, 0, sent*8)
	for range sent {
		p := text("t", "x", 0)
		packets = p.Append(packets, packet.V5)
	}
	c.Send(packets) // nobody reads the trace meanwhile
	c.Quiet()
	missed := uint64(0)
	for seen := 0; missed == 0 && seen < 50_000; seen++ {
		missed = s.next().Missed
		if seen%50 == 0 {
			c.Quiet() // something that may be shown, once there is room
		}
	}
	if missed == 0 {
		t.Error("nothing was missed")
	}
	_ = s.resp.Body.Close()
	eventually(t, "the trace has ended", func() bool { return !b.Traced() })
	for range 16 {
		reader.trace(t, "client=none")
	}
	reader.want("GET", "/v1/trace", 429, "too many")
}
