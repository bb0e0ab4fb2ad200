package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// passwords is a password file of users whose passwords are their names.
func passwords(t testing.TB, names ...string) string {
	t.Helper()
	var file strings.Builder
	for _, name := range names {
		line, err := password.HashWith([]byte(name), []byte("123456789012"), password.GeneratedIterations)
		if err != nil {
			t.Fatal(err)
		}
		file.WriteString(name + ":" + line + "\n")
	}
	return file.String()
}

const rules = `acls:
- name: all
  subjects: [{kind: User, name: ann}, {kind: User, name: bob}]
  rules:
  - {actions: [Publish, Subscribe], topics: ["open/#", "narrow/#"]}
`

// guarded is a broker with users ann and bob, whose rules and passwords are in dir.
func guarded(t *testing.T) (b *broker, dir string) {
	dir = t.TempDir()
	cfg := open(t)
	cfg.Authentication.AllowAnonymous, cfg.Authorization.DefaultPolicy = false, config.PolicyDeny
	cfg.AuthFiles.PasswordFile = write(t, dir, "passwd", passwords(t, "ann", "bob"))
	cfg.AuthFiles.ACLFile = write(t, dir, "acl.yaml", rules)
	return run(t, cfg), dir
}

func as(user, secret string, v packet.Version) packet.Connect {
	return packet.Connect{
		Version: v, ClientID: user, CleanStart: true,
		HasUsername: true, Username: user, HasPassword: true, Password: []byte(secret),
	}
}

func TestPasswords(t *testing.T) {
	b, _ := guarded(t)
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for _, test := range []struct {
			name string
			p    packet.Connect
			want packet.ReasonCode
		}{
			{"right", as("ann", "ann", v), packet.Success},
			{"wrong", as("ann", "bob", v), packet.BadUserNameOrPassword},
			{"unknown user", as("eve", "eve", v), packet.BadUserNameOrPassword},
			{"anonymous", packet.Connect{Version: v, ClientID: "c", CleanStart: true}, packet.NotAuthorized},
		} {
			c := mqtttest.Dial(t, b.addr())
			if got := c.Connect(test.p).Reason; got != test.want {
				t.Errorf("%v, %s: %v, and not %v", v, test.name, got, test.want)
			}
		}
	}
}

func TestAccess(t *testing.T) {
	b, _ := guarded(t)
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		ann, bob := mqtttest.Start(t, b.addr(), as("ann", "ann", v)), mqtttest.Start(t, b.addr(), as("bob", "bob", v))
		denied := packet.NotAuthorized
		if v != packet.V5 {
			denied = packet.UnspecifiedError
		}
		got := ann.Subscribe(filter("open/#", 1), filter("secret/#", 1))
		if diff := cmp.Diff([]packet.ReasonCode{1, denied}, got); diff != "" {
			t.Errorf("%v: %s", v, diff)
		}
		for qos := range byte(3) {
			got := bob.Publish(text("secret/x", "", qos))
			if v == packet.V5 && qos > 0 && got != packet.NotAuthorized {
				t.Errorf("QoS %d: %v", qos, got)
			}
		}
		ann.Quiet()
		bob.Say("open/x", "x", 1)
		ann.Take("open/x", "x")
	}
}

// TestLiveACL: a narrowed rule holds for a subscription that is there already, and a removed one for publishing.
func TestLiveACL(t *testing.T) {
	b, dir := guarded(t)
	ann, bob := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5)), mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V5))
	ann.Subscribe(filter("narrow/#", 1), filter("open/#", 1))
	bob.Say("narrow/x", "before", 1)
	ann.Take("narrow/x", "before")
	write(t, dir, "acl.yaml", strings.ReplaceAll(rules, `, "narrow/#"`, ""))
	eventually(t, "publishing is denied", func() bool {
		denied := bob.Publish(text("narrow/x", "probe", 1)) == packet.NotAuthorized
		ann.Send([]byte{byte(packet.TypePingreq) << 4, 0})
		for p := ann.Packet(); p.Type != packet.TypePingresp; p = ann.Packet() {
			ann.Accept(p.Publish)
		}
		return denied
	})
	write(t, dir, "acl.yaml", strings.ReplaceAll(rules, `name: ann}, {kind: User, `, ""))
	eventually(t, "bob may again", func() bool { return bob.Publish(text("narrow/x", "after", 1)) != packet.NotAuthorized })
	bob.Say("open/x", "after", 1)
	ann.Quiet() // ann may nothing any more, though she holds the subscriptions
}

// TestRevoked: a user who is no longer in the password file is disconnected; others stay.
func TestRevoked(t *testing.T) {
	b, dir := guarded(t)
	ann, bob := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5)), mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V5))
	write(t, dir, "passwd", passwords(t, "bob"))
	ann.ExpectDisconnect(packet.NotAuthorized)
	bob.Quiet()
	if got := mqtttest.Dial(t, b.addr()).Connect(as("ann", "ann", packet.V5)).Reason; got != packet.BadUserNameOrPassword {
		t.Errorf("%v", got)
	}
}

// TestPreviousPassword: while a password is being changed both work; who uses the one of before is counted and named, and
// is disconnected when it ends, and nobody else is.
func TestPreviousPassword(t *testing.T) {
	b, dir := guarded(t)
	early := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	current, err := password.HashWith([]byte("new"), []byte("123456789012"), password.GeneratedIterations)
	if err != nil {
		t.Fatal(err)
	}
	if n := b.Metrics().PreviousPasswords; n != 0 {
		t.Errorf("%d connections with a previous password before there is one", n)
	}
	write(t, dir, "passwd", passwords(t, "ann", "bob")+"ann:"+current+"\n")
	eventually(t, "the early connection is counted", func() bool { return b.Metrics().PreviousPasswords == 1 })
	late := as("ann", "new", packet.V5)
	late.ClientID = "late"
	second := mqtttest.Start(t, b.addr(), late)
	again := as("ann", "ann", packet.V5)
	again.ClientID = "again"
	third := mqtttest.Start(t, b.addr(), again)
	bob := mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V5))
	if n := b.Metrics().PreviousPasswords; n != 2 {
		t.Errorf("%d connections with a previous password, want 2", n)
	}
	var named []string
	for _, p := range b.ListPrevious(10) {
		named = append(named, p.User+" "+p.Client)
	}
	if diff := cmp.Diff([]string{"ann again", "ann ann"}, named); diff != "" {
		t.Error(diff)
	}
	write(t, dir, "passwd", passwords(t, "bob")+"ann:"+current+"\n")
	early.ExpectDisconnect(packet.NotAuthorized)
	third.ExpectDisconnect(packet.NotAuthorized)
	second.Quiet()
	bob.Quiet()
	if n := b.Metrics().PreviousPasswords; n != 0 {
		t.Errorf("%d connections with a previous password afterwards", n)
	}
}
