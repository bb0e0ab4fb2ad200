package server_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xdg-go/scram"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// scramUsers is a password file of users whose passwords are their names, with keys of both mechanisms.
func scramUsers(t testing.TB, names ...string) string {
	t.Helper()
	var file strings.Builder
	for _, name := range names {
		for i, mechanism := range []string{password.ScramSHA256, password.ScramSHA512} {
			line, err := password.ScramLine(mechanism, []byte(name), bytes.Repeat([]byte{byte(i)}, 16), 4096)
			if err != nil {
				t.Fatal(err)
			}
			file.WriteString(name + ":" + line + "\n")
		}
	}
	return file.String()
}

// prover is the client's side of SCRAM.
type prover struct {
	t      testing.TB
	method string
	conv   *scram.ClientConversation
}

func prove(t testing.TB, method, user, secret string) *prover {
	t.Helper()
	hash := scram.SHA256
	if method == password.ScramSHA512 {
		hash = scram.SHA512
	}
	client, err := hash.NewClient(user, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	return &prover{t, method, client.WithMinIterations(1).NewConversation()}
}

// says is what the client says to data.
func (p *prover) says(data []byte) []byte {
	p.t.Helper()
	said, err := p.conv.Step(string(data))
	if err != nil {
		p.t.Fatalf("SCRAM client: %v", err)
	}
	return []byte(said)
}

// auth is an AUTH of p's method.
func (p *prover) auth(r packet.ReasonCode, data []byte) []byte {
	a := packet.Auth{Reason: r, Method: p.method, Data: data}
	return a.Append(nil)
}

// begin is a CONNECT with p's method and first data.
func (p *prover) begin(id string) packet.Connect {
	hello := packet.Connect{ClientID: id, CleanStart: true, Version: packet.V5}
	hello.Properties.AuthMethod, hello.Properties.AuthData = p.method, p.says(nil)
	return hello
}

// challenge is the data of the AUTH that comes next, which is to be continued.
func (p *prover) challenge(c *mqtttest.Client) []byte {
	p.t.Helper()
	a := c.Expect(packet.TypeAuth).Auth
	if a.Reason != packet.ContinueAuthentication || a.Method != p.method {
		p.t.Fatalf("AUTH: %v, method %q", a.Reason, a.Method)
	}
	return a.Data
}

// connect goes through the whole exchange.
func (p *prover) connect(c *mqtttest.Client, hello packet.Connect) packet.Connack {
	p.t.Helper()
	c.Send(hello.Append(nil))
	c.Send(p.auth(packet.ContinueAuthentication, p.says(p.challenge(c))))
	ack := c.Expect(packet.TypeConnack).Connack
	if ack.Reason == packet.Success {
		p.says(ack.Properties.AuthData) // the server has proved to know the keys, or it fails
		if !p.conv.Valid() || ack.Properties.AuthMethod != p.method {
			p.t.Errorf("CONNACK: valid %v, method %q", p.conv.Valid(), ack.Properties.AuthMethod)
		}
	}
	return ack
}

// enhanced is a broker with SCRAM users ann and bob, and its folder.
func enhanced(t *testing.T, change func(*config.Config)) (b *broker, dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg := open(t)
	cfg.Authentication.AllowAnonymous = false
	cfg.AuthFiles.PasswordFile = write(t, dir, "passwd", scramUsers(t, "ann", "bob"))
	if change != nil {
		change(&cfg)
	}
	return run(t, cfg), dir
}

func TestScram(t *testing.T) {
	b, _ := enhanced(t, nil)
	for _, method := range []string{password.ScramSHA256, password.ScramSHA512} {
		for _, r := range []struct {
			user, secret string
			want         packet.ReasonCode
		}{
			{"ann", "ann", packet.Success}, {"ann", "bob", packet.NotAuthorized}, {"eve", "eve", packet.NotAuthorized},
		} {
			c, p := mqtttest.Dial(t, b.addr()), prove(t, method, r.user, r.secret)
			if ack := p.connect(c, p.begin("c")); ack.Reason != r.want {
				t.Errorf("%s, %s with %s: %v", method, r.user, r.secret, ack.Reason)
			}
			if r.want == packet.Success {
				c.Quiet()
			} else {
				c.ExpectEnd()
			}
		}
	}
	// The client may let the server have the first word.
	c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	hello := p.begin("c")
	first := hello.Properties.AuthData
	hello.Properties.AuthData = nil
	c.Send(hello.Append(nil))
	if data := p.challenge(c); data == nil || len(data) != 0 {
		t.Errorf("server's first word is %q", data)
	}
	c.Send(p.auth(packet.ContinueAuthentication, first))
	c.Send(p.auth(packet.ContinueAuthentication, p.says(p.challenge(c))))
	if ack := c.Expect(packet.TypeConnack).Connack; ack.Reason != packet.Success {
		t.Errorf("server first: %v", ack.Reason)
	}
	// Who has keys alone does not send a password.
	if got := mqtttest.Dial(t, b.addr()).Connect(as("ann", "ann", packet.V5)).Reason; got != packet.BadUserNameOrPassword {
		t.Errorf("password of a user with SCRAM keys only: %v", got)
	}
}

// TestUnknownUserIsNotToldApart: the packets of an exchange that fails are the same but for
// salt, nonce and client identifier, at the same steps.
func TestUnknownUserIsNotToldApart(t *testing.T) {
	b, _ := enhanced(t, nil)
	transcript := func(user string) []any {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA512, user, "wrong")
		hello := p.begin("c")
		c.Send(hello.Append(nil))
		a := c.Expect(packet.TypeAuth).Auth
		fields := strings.Split(string(a.Data), ",")
		c.Send(p.auth(packet.ContinueAuthentication, p.says(a.Data)))
		ack := c.Expect(packet.TypeConnack).Connack
		c.ExpectEnd()
		return []any{a.Reason, a.Method, len(fields), len(fields[0]), len(fields[1]), fields[2], ack}
	}
	if diff := cmp.Diff(transcript("ann"), transcript("eve")); diff != "" {
		t.Errorf("(-known +unknown):\n%s", diff)
	}
	salt := func(user string) string {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, user, "wrong")
		hello := p.begin("c")
		c.Send(hello.Append(nil))
		return strings.Split(string(p.challenge(c)), ",")[1]
	}
	if first, again := salt("eve"), salt("eve"); first != again || first == salt("adam") {
		t.Error("the salt of a user that does not exist is not its own, or not always the same")
	}
}

// TestExchangeRefuses is what a client may not say between CONNECT and CONNACK.
func TestExchangeRefuses(t *testing.T) {
	b, _ := enhanced(t, func(c *config.Config) { c.Authentication.EnhancedMethods = []config.EnhancedMethod{config.ScramSHA256} })
	big := strings.Repeat("x", 4097)
	for _, r := range []struct {
		name   string
		change func(*packet.Connect)
		answer func(p *prover, data []byte) []byte // nil: none is asked for
		want   packet.ReasonCode
	}{
		{"unknown method", func(h *packet.Connect) { h.Properties.AuthMethod = "GSSAPI" }, nil, packet.BadAuthenticationMethod},
		{"method with channel binding", func(h *packet.Connect) { h.Properties.AuthMethod += "-PLUS" }, nil, packet.BadAuthenticationMethod},
		{"method that is off", func(h *packet.Connect) { h.Properties.AuthMethod = password.ScramSHA512 }, nil, packet.BadAuthenticationMethod},
		{"not SCRAM", func(h *packet.Connect) { h.Properties.AuthData = []byte("hello") }, nil, packet.NotAuthorized},
		{"channel binding", func(h *packet.Connect) { h.Properties.AuthData = []byte("p=tls-exporter,,n=ann,r=abc") }, nil, packet.NotAuthorized},
		{"for another", func(h *packet.Connect) { h.Properties.AuthData = []byte("n,a=bob,n=ann,r=abc") }, nil, packet.NotAuthorized},
		{"too long", func(h *packet.Connect) { h.Properties.AuthData = []byte("n,,n=ann,r=" + big) }, nil, packet.NotAuthorized},
		{"another user name in CONNECT", func(h *packet.Connect) { h.HasUsername, h.Username = true, "bob" }, nil, packet.BadUserNameOrPassword},
		{"another method", nil, func(p *prover, data []byte) []byte {
			a := packet.Auth{Reason: packet.ContinueAuthentication, Method: password.ScramSHA512, Data: p.says(data)}
			return a.Append(nil)
		}, packet.ProtocolError},
		{"again from the start", nil, func(p *prover, data []byte) []byte { return p.auth(packet.ReAuthenticate, p.says(data)) }, packet.ProtocolError},
		{"success", nil, func(*prover, []byte) []byte { return []byte{0xF0, 0} }, packet.ProtocolError},
		{"PINGREQ", nil, func(*prover, []byte) []byte { return []byte{0xC0, 0} }, packet.ProtocolError},
		{"no data", nil, func(p *prover, _ []byte) []byte { return p.auth(packet.ContinueAuthentication, nil) }, packet.NotAuthorized},
		{"malformed", nil, func(*prover, []byte) []byte { return []byte{0xF0, 1, 0x18} }, packet.MalformedPacket},
		{"the first message again", nil, func(p *prover, _ []byte) []byte {
			return p.auth(packet.ContinueAuthentication, []byte("n,,n=ann,r=abc"))
		}, packet.NotAuthorized},
	} {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
		hello := p.begin("c")
		if r.change != nil {
			r.change(&hello)
		}
		c.Send(hello.Append(nil))
		if r.answer != nil {
			c.Send(r.answer(p, p.challenge(c)))
		}
		if got := c.Expect(packet.TypeConnack).Connack.Reason; got != r.want {
			t.Errorf("%s: %v, want %v", r.name, got, r.want)
		}
		c.ExpectEnd()
	}
	// DISCONNECT is the client's right, and gets no answer.
	c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	hello := p.begin("c")
	c.Send(hello.Append(nil))
	p.challenge(c)
	c.Send([]byte{0xE0, 0})
	c.ExpectEnd()
	// A client that takes only small packets is told so.
	c, p = mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	hello = p.begin("c")
	hello.Properties.MaximumPacketSize = 60
	c.Send(hello.Append(nil))
	if got := c.Expect(packet.TypeConnack).Connack.Reason; got != packet.PacketTooLarge {
		t.Errorf("AUTH that the client does not take: %v", got)
	}
	// AUTH is nothing for a client that gave no method.
	b2 := run(t, open(t))
	c = b2.connect("c", true, packet.V5)
	c.Send(p.auth(packet.ReAuthenticate, nil))
	c.ExpectDisconnect(packet.ProtocolError)
	old := b2.connect("old", true, packet.V311)
	old.Send([]byte{0xF0, 0})
	old.ExpectEnd()
	// Where there are no users there is no method.
	c, p = mqtttest.Dial(t, b2.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	if got := c.Connect(p.begin("c")).Reason; got != packet.BadAuthenticationMethod {
		t.Errorf("without users: %v", got)
	}
}

// TestExchangeHasToEnd: what takes longer than CONNECT may is over.
func TestExchangeHasToEnd(t *testing.T) {
	b, _ := enhanced(t, func(c *config.Config) { c.MQTT.ConnectTimeoutSeconds = 1 })
	c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	hello := p.begin("c")
	began := time.Now()
	c.Send(hello.Append(nil))
	p.challenge(c)
	c.ExpectEnd()
	if took := time.Since(began); took < 900*time.Millisecond || took > 5*time.Second {
		t.Errorf("ended after %v", took)
	}
	// So is an authentication of a connected client.
	c, p = mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	p.connect(c, p.begin("c"))
	p = prove(t, password.ScramSHA256, "ann", "ann")
	c.Send(p.auth(packet.ReAuthenticate, p.says(nil)))
	p.challenge(c)
	c.ExpectDisconnect(packet.NotAuthorized)
}

// reauthenticating is a client that has connected as ann and begun to authenticate again.
func reauthenticating(t *testing.T, b *broker, user, secret string) (*mqtttest.Client, *prover) {
	t.Helper()
	c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
	if got := p.connect(c, p.begin("c")).Reason; got != packet.Success {
		t.Fatal(got)
	}
	p = prove(t, password.ScramSHA256, user, secret)
	c.Send(p.auth(packet.ReAuthenticate, p.says(nil)))
	return c, p
}

func TestReauthentication(t *testing.T) {
	b, _ := enhanced(t, nil)
	c, p := reauthenticating(t, b, "ann", "ann")
	data := p.challenge(c)
	c.Subscribe(filter("a", 0)) // everything else goes on
	c.SendPublish(text("a", "between", 0))
	c.Take("a", "between")
	c.Send(p.auth(packet.ContinueAuthentication, p.says(data)))
	done := c.Expect(packet.TypeAuth).Auth
	p.says(done.Data)
	if done.Reason != packet.Success || done.Method != p.method || !p.conv.Valid() {
		t.Errorf("AUTH: %v, method %q", done.Reason, done.Method)
	}
	c.SendPublish(text("a", "after", 0))
	c.Take("a", "after")
	// And once more: an exchange that is over leaves nothing behind.
	p = prove(t, password.ScramSHA256, "ann", "ann")
	c.Send(p.auth(packet.ReAuthenticate, p.says(nil)))
	c.Send(p.auth(packet.ContinueAuthentication, p.says(p.challenge(c))))
	if got := c.Expect(packet.TypeAuth).Auth.Reason; got != packet.Success {
		t.Errorf("AUTH: %v", got)
	}
}

func TestReauthenticationRefuses(t *testing.T) {
	b, _ := enhanced(t, nil)
	c, p := reauthenticating(t, b, "ann", "wrong")
	c.Send(p.auth(packet.ContinueAuthentication, p.says(p.challenge(c))))
	c.ExpectDisconnect(packet.NotAuthorized)

	c, _ = reauthenticating(t, b, "bob", "bob") // somebody else, who has proved nothing yet
	c.ExpectDisconnect(packet.NotAuthorized)

	other := prove(t, password.ScramSHA512, "ann", "ann")
	for name, r := range map[string]struct {
		raw  []byte
		want packet.ReasonCode
	}{
		"another method":     {other.auth(packet.ReAuthenticate, other.says(nil)), packet.ProtocolError},
		"not begun":          {p.auth(packet.ContinueAuthentication, []byte("x")), packet.ProtocolError},
		"success":            {p.auth(packet.Success, nil), packet.ProtocolError},
		"success, all empty": {[]byte{0xF0, 0}, packet.ProtocolError},
		"malformed":          {[]byte{0xF0, 1, 0x19}, packet.MalformedPacket},
		"reason of others":   {[]byte{0xF0, 2, 0x87, 0}, packet.ProtocolError},
	} {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
		p.connect(c, p.begin("c"))
		c.Send(r.raw)
		got := c.Expect(packet.TypeDisconnect).Disconnect.Reason
		if c.ExpectEnd(); got != r.want {
			t.Errorf("%s: %v, want %v", name, got, r.want)
		}
	}
	c, p = reauthenticating(t, b, "ann", "ann")
	p.challenge(c)
	c.Send(p.auth(packet.ReAuthenticate, nil)) // while one is under way
	c.ExpectDisconnect(packet.ProtocolError)
}

// TestReauthenticationRenews: a client that has proved its new password outlives the removal of the old one, and so
// does its will; one that has not does not.
func TestReauthenticationRenews(t *testing.T) {
	b, dir := enhanced(t, nil)
	renew := func(id string) (*mqtttest.Client, *prover, packet.Connect) {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
		hello := p.begin(id)
		hello.Will = &packet.Will{Topic: "will/" + id, Payload: []byte("gone")}
		return c, p, hello
	}
	renewed, p, hello := renew("renewed")
	p.connect(renewed, hello)
	stale, p, hello := renew("stale")
	p.connect(stale, hello)
	watch, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "bob", "bob")
	p.connect(watch, p.begin("watch"))
	watch.Subscribe(filter("will/#", 0))

	old := scramUsers(t, "ann", "bob")
	fresh, err := password.ScramLine(password.ScramSHA256, []byte("new"), bytes.Repeat([]byte{9}, 16), 4096)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "passwd", "ann:"+fresh+"\n"+old)
	eventually(t, "the new password is taken", func() bool {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "new")
		return p.connect(c, p.begin("probe")).Reason == packet.Success
	})
	p = prove(t, password.ScramSHA256, "ann", "new")
	renewed.Send(p.auth(packet.ReAuthenticate, p.says(nil)))
	renewed.Send(p.auth(packet.ContinueAuthentication, p.says(p.challenge(renewed))))
	if got := renewed.Expect(packet.TypeAuth).Auth.Reason; got != packet.Success {
		t.Fatal(got)
	}
	write(t, dir, "passwd", "ann:"+fresh+"\n"+scramUsers(t, "bob"))
	stale.ExpectDisconnect(packet.NotAuthorized)
	renewed.Quiet()
	renewed.Close()
	watch.Take("will/renewed", "gone")
	watch.Quiet() // the will of the stale one was nobody's any more
}

// Limits hold whoever proves who they are, as they hold who says a password.
func TestExchangeIsLimited(t *testing.T) {
	b, _ := enhanced(t, func(c *config.Config) {
		c.Limits.FailedAuthentications = config.Ban{Attempts: 2, WindowSeconds: 10, BanSeconds: 20}
		c.Limits.MaxConnectionsPerUser = 1
	})
	try := func(id, secret string) packet.ReasonCode {
		c, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", secret)
		return p.connect(c, p.begin(id)).Reason
	}
	if got := try("first", "ann"); got != packet.Success {
		t.Errorf("first connection of ann: %v", got)
	}
	if got := try("second", "ann"); got != packet.QuotaExceeded {
		t.Errorf("second connection of ann: %v", got)
	}
	for range 3 {
		if got := try("guess", "guess"); got != packet.NotAuthorized {
			t.Fatal(got)
		}
	}
	if !closed(mqtttest.Dial(t, b.addr())) {
		t.Error("the address is heard")
	}
}
