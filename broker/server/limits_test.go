package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// limited is a broker with limits, at a time that the test sets.
func limited(t *testing.T, change func(*config.Config)) (*broker, *stopped) {
	cfg, c := open(t), newStopped()
	change(&cfg)
	return startAt(t, cfg, c), c
}

// answer is what a client gets for its CONNECT.
func answer(t *testing.T, b *broker, p packet.Connect) packet.ReasonCode {
	t.Helper()
	return mqtttest.Dial(t, b.addr()).Connect(p).Reason
}

// in is what a version says for a reason code: 3.1.1 has few.
func in(v packet.Version, reason packet.ReasonCode) packet.ReasonCode {
	if v == packet.V5 {
		return reason
	}
	switch reason {
	case packet.QuotaExceeded, packet.ConnectionRateExceeded:
		return packet.ServerUnavailable
	case packet.Banned:
		return packet.NotAuthorized
	}
	return reason
}

var bothVersions = []packet.Version{packet.V311, packet.V5}

// TestTopicLength: names, filters and wills of as many bytes as there may be, and of one more.
func TestTopicLength(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) { c.MQTT.MaxTopicLengthBytes = 10 })
	most, more := strings.Repeat("x", 10), strings.Repeat("x", 11)
	for _, v := range bothVersions {
		c := b.connect("c", true, v)
		refused := packet.TopicFilterInvalid
		if v != packet.V5 {
			refused = packet.UnspecifiedError
		}
		if diff := cmp.Diff([]packet.ReasonCode{1, refused}, c.Subscribe(filter(most, 1), filter(more, 1))); diff != "" {
			t.Errorf("%v: %s", v, diff)
		}
		c.SendPublish(text(most, "fits", 0))
		c.Take(most, "fits")
		c.SendPublish(text(more, "", 0))
		if v == packet.V5 {
			c.ExpectDisconnect(packet.TopicNameInvalid)
		} else {
			c.ExpectEnd()
		}
	}
	p := hello("c", true, packet.V5)
	for topic, want := range map[string]packet.ReasonCode{most: packet.Success, more: packet.TopicNameInvalid} {
		p.Will = &packet.Will{Topic: topic}
		if got := answer(t, b, p); got != want {
			t.Errorf("a will of %d bytes: %v", len(topic), got)
		}
	}
}

// TestFiltersPerSubscribe: those beyond the bound are refused, each by itself, and the others granted.
func TestFiltersPerSubscribe(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) { c.MQTT.MaxFiltersPerSubscribe = 2 })
	for v, refused := range map[packet.Version]packet.ReasonCode{packet.V311: packet.UnspecifiedError, packet.V5: packet.QuotaExceeded} {
		c := b.connect("c", true, v)
		got := c.Subscribe(filter("a", 0), filter("b", 1), filter("c", 1), filter("d", 1))
		if diff := cmp.Diff([]packet.ReasonCode{0, 1, refused, refused}, got); diff != "" {
			t.Errorf("%v: %s", v, diff)
		}
		c.Say("c", "", 1)
		if got := c.Subscribe(filter("c", 1), filter("d", 1)); got[0] != 1 || got[1] != 1 {
			t.Errorf("%v: the next SUBSCRIBE: %v", v, got)
		}
	}
}

// TestUserProperties: as many as there may be are forwarded, and one more ends the connection.
func TestUserProperties(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) { c.MQTT.MaxUserProperties = 2 })
	user := func(n int) []packet.UserProperty { return make([]packet.UserProperty, n) }
	c := b.connect("c", true, packet.V5)
	c.Subscribe(filter("t", 0))
	for _, n := range []int{2, 3} {
		p := text("t", "", 0)
		p.Forward = packet.AppendForward(nil, &packet.PublishProperties{User: user(n)})
		c.SendPublish(p)
	}
	got := c.Take("t", "")
	if props, err := got.Properties(); err != nil || len(props.User) != 2 {
		t.Errorf("%d user properties, %v", len(props.User), err)
	}
	c.ExpectDisconnect(packet.QuotaExceeded)
	for n, want := range map[int]packet.ReasonCode{2: packet.Success, 3: packet.QuotaExceeded} {
		p := hello("c", true, packet.V5)
		p.Properties.User = user(n)
		if got := answer(t, b, p); got != want {
			t.Errorf("CONNECT with %d: %v", n, got)
		}
	}
	for name, props := range map[string]packet.ConnectProperties{
		"takes any size":           {},
		"takes five bytes at most": {MaximumPacketSize: 5}, // which a refusal without a word has
	} {
		p := hello("c", true, packet.V5)
		p.Properties = props
		p.Properties.User = user(3)
		if got := mqtttest.Dial(t, b.addr()).Connect(p); got.Reason != packet.QuotaExceeded || got.Properties.ReasonString != "" {
			t.Errorf("%s: %v, %q: too long for who knows whom", name, got.Reason, got.Properties.ReasonString)
		}
	}
}

// TestConnectionsInTotal: one too many is told so, and a flood is closed unheard.
func TestConnectionsInTotal(t *testing.T) {
	const told = 64 // at once
	b, _ := limited(t, func(c *config.Config) {
		c.Limits.MaxConnections = 1
		c.MQTT.ConnectTimeoutSeconds = 3600
	})
	first := b.connect("first", true, packet.V5)
	for _, v := range bothVersions {
		if got := answer(t, b, hello("next", true, v)); got != in(v, packet.QuotaExceeded) {
			t.Errorf("%v: %v", v, got)
		}
	}
	eventually(t, "a flood is closed unheard", func() bool {
		c := mqtttest.Dial(t, b.addr())
		return b.Metrics().Refused["connections"] > 2+told && closed(c)
	})
	first.Quiet()
}

// TestSilentClientsOfAnAddress: by a proxy, too, a connection counts before it has said anything of MQTT's.
func TestSilentClientsOfAnAddress(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) {
		c.Limits.MaxConnectionsPerAddress = 1
		c.Listeners[0].ProxyProtocol = &config.ProxyProtocol{Trusted: []string{"127.0.0.1"}}
	})
	const header = "PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n"
	for range 2 {
		mqtttest.Dial(t, b.addr()).Send([]byte(header))
	}
	eventually(t, "one is counted and one refused", func() bool { return b.Metrics().Refused["address_connections"] == 1 })
	c := mqtttest.Dial(t, b.addr())
	c.Send([]byte(header))
	if got := c.Connect(hello("c", true, packet.V5)).Reason; got != packet.QuotaExceeded {
		t.Errorf("beside a silent one: %v", got)
	}
}

// closed says whether the broker has closed a connection on which nothing was said.
func closed(c *mqtttest.Client) bool {
	_, err := c.Next()
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

// TestConnectionsOfAnAddress: of clients, not of the proxy or of a unix socket.
func TestConnectionsOfAnAddress(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) {
		c.Limits.MaxConnectionsPerAddress = 1
		c.Listeners[0].ProxyProtocol = &config.ProxyProtocol{Trusted: []string{"127.0.0.1"}}
		c.Listeners = append(c.Listeners, config.Listener{
			ListenerSettings: config.ListenerSettings{Name: "local", Protocol: config.ProtocolMQTT}, Socket: filepath.Join(t.TempDir(), "s"),
		})
	})
	for _, test := range []struct {
		header, id string
		want       packet.ReasonCode
	}{
		{"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n", "1", packet.Success},
		{"PROXY TCP4 192.0.2.1 192.0.2.9 3 4\r\n", "2", packet.QuotaExceeded},
		{"PROXY TCP4 192.0.2.2 192.0.2.9 1 2\r\n", "3", packet.Success},
		{"PROXY TCP6 2001:db8::1 2001:db8::9 1 2\r\n", "4", packet.Success},
		{"PROXY TCP6 2001:db8::2 2001:db8::9 1 2\r\n", "5", packet.QuotaExceeded}, // of the same /64
		{"PROXY UNKNOWN\r\n", "6", packet.Success},
		{"PROXY UNKNOWN\r\n", "7", packet.Success},
	} {
		c := mqtttest.Dial(t, b.addr())
		c.Send([]byte(test.header))
		if got := c.Connect(hello(test.id, true, packet.V5)).Reason; got != test.want {
			t.Errorf("%s: %v", test.header, got)
		}
	}
	for _, id := range []string{"8", "9"} {
		nc, err := net.Dial("unix", b.Addr("local").String())
		if err != nil {
			t.Fatal(err)
		}
		if got := mqtttest.New(t, nc).Connect(hello(id, true, packet.V5)).Reason; got != packet.Success {
			t.Errorf("on a unix socket: %v", got)
		}
	}
}

// TestConnectionsASecond: the burst, one more, and one more a while later.
func TestConnectionsASecond(t *testing.T) {
	for _, v := range bothVersions {
		b, clock := limited(t, func(c *config.Config) { c.Limits.ConnectionsPerSecondPerAddress = 2 })
		for i, want := range []packet.ReasonCode{packet.Success, packet.Success, packet.ConnectionRateExceeded} {
			if got := answer(t, b, hello("c", true, v)); got != in(v, want) {
				t.Errorf("%v, %d: %v", v, i, got)
			}
		}
		clock.advance(500e6)
		if got := answer(t, b, hello("c", true, v)); got != packet.Success {
			t.Errorf("%v, half a second later: %v", v, got)
		}
		b.stop()
	}
}

// TestFlappingClient: who connects too often is banned, and no one else.
func TestFlappingClient(t *testing.T) {
	for _, v := range bothVersions {
		b, clock := limited(t, func(c *config.Config) {
			c.Limits.Flapping = config.Ban{Attempts: 2, WindowSeconds: 10, BanSeconds: 20}
		})
		for i, want := range []packet.ReasonCode{packet.Success, packet.Success, packet.Banned, packet.Banned} {
			if got := answer(t, b, hello("c", true, v)); got != in(v, want) {
				t.Errorf("%v, %d: %v", v, i, got)
			}
		}
		b.connect("another", true, v).Quiet()
		if m := b.Metrics(); m.Bans["client"] != 1 || m.BansTotal["client"] != 1 || m.Refused["client_banned"] != 2 {
			t.Errorf("%+v", m)
		}
		clock.advance(20e9)
		b.connect("c", true, v).Quiet()
		if m := b.Metrics(); m.Bans["client"] != 0 {
			t.Errorf("the ban is over: %+v", m)
		}
		b.stop()
	}
}

// TestWrongPasswords: an address that guesses is closed unheard; who was let in before stays.
func TestWrongPasswords(t *testing.T) {
	b, clock := limited(t, func(c *config.Config) {
		c.Authentication.AllowAnonymous = false
		c.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann", "bob"))
		c.Limits.FailedAuthentications = config.Ban{Attempts: 2, WindowSeconds: 10, BanSeconds: 20}
	})
	ann := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	early := mqtttest.Dial(t, b.addr()) // accepted before those that dial after it
	for range 3 {
		if got := answer(t, b, as("bob", "guess", packet.V5)); got != packet.BadUserNameOrPassword {
			t.Fatal(got)
		}
	}
	if !closed(mqtttest.Dial(t, b.addr())) {
		t.Error("the address is heard")
	}
	if got := early.Connect(as("bob", "bob", packet.V5)).Reason; got != packet.Banned { // else many at once could guess
		t.Errorf("who has dialled before the ban: %v", got)
	}
	ann.Quiet()
	if m := b.Metrics(); m.Bans["address"] != 1 || m.FailedAuthentications != 3 || m.Refused["address_banned"] != 2 {
		t.Errorf("%+v", m)
	}
	clock.advance(20e9)
	if got := answer(t, b, as("bob", "bob", packet.V5)); got != packet.Success {
		t.Errorf("after the ban: %v", got)
	}
}

// bundled has a broker with users ann and bob, whose attributes are what users says.
func bundled(t *testing.T, users string) (b *broker, clock *stopped, change func(users string)) {
	dir := t.TempDir()
	file := passwords(t, "ann", "bob")
	change = func(users string) {
		manifest := config.Manifest{Files: make(map[string]string)}
		for name, content := range map[string]string{"passwd-00": file, "users-00.json": users} {
			write(t, dir, name, content)
			sum := sha256.Sum256([]byte(content))
			manifest.Files[name] = hex.EncodeToString(sum[:])
		}
		manifest.Revision = manifest.Files["users-00.json"]
		data, err := json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, config.BundleManifest, string(data))
	}
	change(users)
	b, clock = limited(t, func(c *config.Config) {
		c.Authentication.AllowAnonymous = false
		c.AuthFiles.BundleDir = dir
		c.Limits.MaxConnectionsPerUser = 1
		c.Limits.PublishMessagesPerSecond = 2
	})
	return b, clock, change
}

// TestConnectionsOfAUser: the broker's bound, the user's own in its place, and a client that comes back to its session.
func TestConnectionsOfAUser(t *testing.T) {
	b, _, change := bundled(t, `{"users":[{"name":"ann","limits":{"maxConnections":2}}]}`)
	client := func(user, id string) packet.Connect {
		p := as(user, user, packet.V5)
		p.ClientID = id
		return p
	}
	for _, test := range []struct {
		user, id string
		want     packet.ReasonCode
	}{
		{"ann", "1", packet.Success},
		{"ann", "2", packet.Success},
		{"ann", "3", packet.QuotaExceeded},
		{"ann", "2", packet.Success}, // in place of the one before
		{"ann", "3", packet.QuotaExceeded},
		{"bob", "4", packet.Success},
		{"bob", "5", packet.QuotaExceeded},
		{"bob", "1", packet.QuotaExceeded}, // that is ann's
	} {
		if got := answer(t, b, client(test.user, test.id)); got != test.want {
			t.Errorf("%s %s: %v, and not %v", test.user, test.id, got, test.want)
		}
	}
	change(`{"users":[{"name":"bob","limits":{"maxConnections":0}}]}`)
	eventually(t, "there is no bound any more", func() bool { return answer(t, b, client("bob", "5")) == packet.Success })
	if got := answer(t, b, client("ann", "3")); got != packet.QuotaExceeded {
		t.Errorf("ann has the broker's bound: %v", got)
	}
}

// TestComesBackAtOnce: a client of a user with one connection never finds its own old one in the way, however far the
// broker has got with the end of that.
func TestComesBackAtOnce(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) {
		c.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann"))
		c.Limits.MaxConnectionsPerUser = 1
	})
	for i := range 300 {
		c := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
		c.Disconnect(packet.Disconnect{})
		if i%2 == 0 {
			closed(c)
		}
		c.Close()
	}
}

// flood sends that many messages in one write, the payload the number.
func flood(c *mqtttest.Client, n int, qos byte, size int) {
	var all []byte
	for i := range n {
		p := packet.Publish{Topic: []byte("t"), QoS: qos, Payload: bytes.Repeat([]byte{byte('0' + i)}, size)}
		if qos > 0 {
			p.PacketID = c.ID()
		}
		all = p.Append(all, packet.V5)
	}
	c.Send(all)
}

// throttled waits until a client is, and lets nothing more pass until then.
func throttled(t *testing.T, b *broker) {
	t.Helper()
	eventually(t, "the client is throttled", func() bool { return b.Metrics().Throttled == 1 })
}

// TestPublishRate: a burst passes, the rest as fast as it may, and nobody else waits.
func TestPublishRate(t *testing.T) {
	for name, limits := range map[string]config.Limits{
		"messages": {PublishMessagesPerSecond: 4},
		"bytes":    {PublishBytesPerSecond: 4 * 105}, // of a PUBLISH each
	} {
		for qos := range byte(2) {
			t.Run(name, func(t *testing.T) {
				b, clock := limited(t, func(c *config.Config) { c.Limits = limits })
				sub, pub, other := b.connect("sub", true, packet.V5), b.connect("pub", true, packet.V5), b.connect("other", true, packet.V5)
				sub.Subscribe(filter("t", 0), filter("u", 0))
				size := 105 - 2 - 3 - 1 // fixed header, topic, properties
				if qos > 0 {
					size -= 2
				}
				flood(pub, 7, qos, size)
				expect := func(from, to int) {
					t.Helper()
					for i := from; i < to; i++ {
						sub.ExpectMessage("t", strings.Repeat(string(rune('0'+i)), size))
					}
					throttled(t, b)
					sub.Quiet()
				}
				expect(0, 4)
				other.Say("u", "not concerned", 0)
				sub.ExpectMessage("u", "not concerned")
				clock.advance(500e6)
				expect(4, 6)
				clock.advance(251e6) // a deadline is rounded up to a millisecond
				sub.ExpectMessage("t", strings.Repeat("6", size))
				for range 7 * int(qos) {
					pub.Expect(packet.TypePuback)
				}
				pub.Quiet() // it is read from again
				if m := b.Metrics(); m.Throttled != 0 || m.ThrottledTotal == 0 {
					t.Errorf("throttled: %d, %d in total", m.Throttled, m.ThrottledTotal)
				}
			})
		}
	}
}

// inDebt has a client that has to wait for a minute, which is more than its keep alive allows it.
func inDebt(t *testing.T) (*broker, *stopped, *mqtttest.Client) {
	b, clock := limited(t, func(c *config.Config) { c.Limits.PublishBytesPerSecond = 1 })
	p := hello("c", true, packet.V5)
	p.KeepAlive = 20
	c := mqtttest.Start(t, b.addr(), p)
	flood(c, 2, 0, 100000)
	throttled(t, b)
	return b, clock, c
}

// TestThrottledIsTakenOver: whoever has to wait can be replaced at once, and does not hold up the end of the broker.
func TestThrottledIsTakenOver(t *testing.T) {
	b, _, c := inDebt(t)
	again := b.connect("c", true, packet.V5)
	c.ExpectDisconnect(packet.SessionTakenOver)
	if n := b.Metrics().Throttled; n != 0 {
		t.Errorf("%d throttled", n)
	}
	flood(again, 2, 0, 100000)
	throttled(t, b)
	b.stop()
	again.ExpectDisconnect(packet.ServerShuttingDown)
}

// TestThrottledKeepsAlive: silence that is our doing is not held against the client.
func TestThrottledKeepsAlive(t *testing.T) {
	b, clock, c := inDebt(t)
	clock.advance(40e9)
	b.CheckKeepAlives()
	b.EndPauses()
	throttled(t, b)
	clock.advance(30e9)
	eventually(t, "it is read from again", func() bool { // it may be about to pause still
		b.EndPauses()
		return b.Metrics().Throttled == 0
	})
	b.CheckKeepAlives()
	c.Quiet()
	clock.advance(31e9)
	b.CheckKeepAlives()
	c.ExpectDisconnect(packet.KeepAliveTimeout)
}

// TestThrottledIsGone: a connection that cannot be written to any more ends, however long it would have to wait.
func TestThrottledIsGone(t *testing.T) {
	b, _ := limited(t, func(c *config.Config) { c.Limits.PublishBytesPerSecond = 100 })
	p := hello("c", true, packet.V5)
	p.Will = &packet.Will{Topic: "gone"}
	c := mqtttest.Start(t, b.addr(), p)
	c.Subscribe(filter("u", 0))
	heir := b.connect("heir", true, packet.V5)
	heir.Subscribe(filter("gone", 0))
	flood(c, 2, 0, 100000)
	throttled(t, b)
	c.Reset()
	eventually(t, "it is noticed", func() bool {
		b.connect("", true, packet.V5).Say("u", "", 0)
		return b.Metrics().Throttled == 0
	})
	heir.ExpectMessage("gone", "")
}

// TestPublishRateOfAUser: it is in place of the broker's, and changes while the client waits.
func TestPublishRateOfAUser(t *testing.T) {
	b, _, change := bundled(t, `{"users":[{"name":"ann","limits":{"publishMessagesPerSecond":0}}]}`)
	ann := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	flood(ann, 9, 0, 1)
	ann.Quiet()
	bob := mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V5))
	flood(bob, 3, 0, 1)
	throttled(t, b)
	change(`{"users":[{"name":"bob","limits":{"publishMessagesPerSecond":0}}]}`)
	bob.Quiet()
	eventually(t, "ann is held to the broker's rate", func() bool { // she may be told after bob
		flood(ann, 3, 0, 1)
		return b.Metrics().Throttled == 1
	})
	change(`{"users":[]}`)
	eventually(t, "bob is held to the broker's rate again", func() bool {
		flood(bob, 3, 0, 1)
		return b.Metrics().Throttled == 2
	})
}
