package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/broker/token/tokentest"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

const accountACLs = `acls:
- name: plant/press
  subjects: [{kind: ServiceAccount, name: plant/press}]
  rules: [{actions: [Publish, Subscribe], topics: ["press/#"]}]
`

// withTokens is a broker that takes tokens of an issuer for ServiceAccounts of namespace plant.
func withTokens(t *testing.T) (*broker, *tokentest.Issuer) {
	t.Helper()
	issuer := tokentest.New(t)
	file, err := json.Marshal(config.TokenIssuer{Issuer: issuer.URL, Keys: tokentest.JWKS(t, issuer), Namespaces: []string{"plant"}})
	if err != nil {
		t.Fatal(err)
	}
	dir, cfg := t.TempDir(), open(t)
	cfg.Authentication = config.Authentication{ServiceAccounts: &config.ServiceAccounts{}}
	cfg.Authorization.DefaultPolicy = config.PolicyDeny
	cfg.AuthFiles = config.AuthFiles{ACLFile: write(t, dir, "acl.yaml", accountACLs), TokenIssuerFile: write(t, dir, "issuer.json", string(file))}
	return run(t, cfg), issuer
}

// ending is a token that the broker takes for so long.
func ending(t *testing.T, i *tokentest.Issuer, after time.Duration) string {
	claims := i.Claims("plant", "press")
	claims["exp"] = time.Now().Add(after - token.Leeway).Unix() // in whole seconds, rounded down
	return i.Token(t, claims)
}

// TestTokenAsPassword: in each version of MQTT, with what user name it allows, and not beyond the token's end.
func TestTokenAsPassword(t *testing.T) {
	b, issuer := withTokens(t)
	good := []byte(issuer.Token(t, issuer.Claims("plant", "press")))
	const name = "system:serviceaccount:plant:press"
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		for _, user := range []string{"", name} {
			c := mqtttest.Start(t, b.addr(), packet.Connect{ClientID: "c", CleanStart: true, Version: v, HasUsername: true, Username: user, HasPassword: true, Password: good})
			if got := c.Subscribe(filter("press/#", 1)); got[0].Failed() {
				t.Errorf("%v %q: %v", v, user, got)
			}
			c.Disconnect(packet.Disconnect{})
		}
	}
	bad := mqtttest.Dial(t, b.addr())
	hello := packet.Connect{ClientID: "c", CleanStart: true, Version: packet.V5, HasPassword: true, Password: []byte(tokentest.New(t).Token(t, issuer.Claims("plant", "press")))}
	bad.Send(hello.Append(nil))
	if ack := bad.Expect(packet.TypeConnack).Connack; ack.Reason != packet.BadUserNameOrPassword || !strings.Contains(ack.Properties.ReasonString, "not one of its issuer's") {
		t.Errorf("CONNACK: %v %q", ack.Reason, ack.Properties.ReasonString)
	}

	short := mqtttest.Start(t, b.addr(), packet.Connect{ClientID: "s", CleanStart: true, Version: packet.V5, HasPassword: true, Password: []byte(ending(t, issuer, 2*time.Second))})
	got := short.Expect(packet.TypeDisconnect).Disconnect
	if got.Reason != packet.NotAuthorized || !strings.Contains(got.ReasonString, "token has expired") {
		t.Errorf("DISCONNECT: %v %s", got.Reason, got.ReasonString)
	}
	eventually(t, "connections that are over have no deadline", func() bool { return b.Leases() == 0 })
}

// TestTokenRenewed: by K8S-SAT a client shows another token before the first ends, and stays; what it shows must be its own.
func TestTokenRenewed(t *testing.T) {
	b, issuer := withTokens(t)
	again := func(c *mqtttest.Client, shown string) {
		a := packet.Auth{Reason: packet.ReAuthenticate, Method: auth.TokenMethod, Data: []byte(shown)}
		c.Send(a.Append(nil))
	}
	start := func(id, shown string) *mqtttest.Client {
		c := mqtttest.Dial(t, b.addr())
		hello := packet.Connect{ClientID: id, CleanStart: true, Version: packet.V5}
		hello.Properties.AuthMethod, hello.Properties.AuthData = auth.TokenMethod, []byte(shown)
		c.Send(hello.Append(nil))
		if ack := c.Expect(packet.TypeConnack).Connack; ack.Reason != packet.Success || ack.Properties.AuthMethod != auth.TokenMethod {
			t.Fatalf("CONNACK: %v %q", ack.Reason, ack.Properties.ReasonString)
		}
		return c
	}
	short := ending(t, issuer, 3*time.Second)
	stays, goes := start("stays", short), start("goes", short)
	again(stays, issuer.Token(t, issuer.Claims("plant", "press")))
	if a := stays.Expect(packet.TypeAuth).Auth; a.Reason != packet.Success {
		t.Errorf("AUTH: %v", a.Reason)
	}
	goes.ExpectDisconnect(packet.NotAuthorized)
	stays.Quiet()
	if got := stays.Subscribe(filter("press/#", 1)); got[0].Failed() {
		t.Error(got)
	}
	again(stays, issuer.Token(t, issuer.Claims("plant", "other")))
	stays.ExpectDisconnect(packet.NotAuthorized)

	// The server may have the first word, and a token that is none ends it.
	c := mqtttest.Dial(t, b.addr())
	hello := packet.Connect{ClientID: "c", CleanStart: true, Version: packet.V5}
	hello.Properties.AuthMethod = auth.TokenMethod
	c.Send(hello.Append(nil))
	if a := c.Expect(packet.TypeAuth).Auth; a.Reason != packet.ContinueAuthentication {
		t.Errorf("AUTH: %v", a.Reason)
	}
	answer := packet.Auth{Reason: packet.ContinueAuthentication, Method: auth.TokenMethod, Data: []byte("none")}
	c.Send(answer.Append(nil))
	if ack := c.Expect(packet.TypeConnack).Connack; ack.Reason != packet.BadUserNameOrPassword {
		t.Errorf("CONNACK: %v", ack.Reason)
	}
}
