package server_test

import (
	"context"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestConfigure: every setting that is live takes effect while a client stays connected.
func TestConfigure(t *testing.T) {
	cfg := open(t)
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann"))
	b := run(t, cfg)
	ann := func(id string) packet.Connect {
		p := hello(id, true, packet.V5)
		p.Username, p.HasUsername, p.Password, p.HasPassword = "ann", true, []byte("ann"), true
		return p
	}
	stays := mqtttest.Start(t, b.addr(), ann("stays"))
	nobody := b.connect("nobody", true, packet.V5)
	refused := func(p packet.Connect) packet.ReasonCode {
		t.Helper()
		c := mqtttest.Dial(t, b.addr())
		defer c.Close()
		return c.Connect(p).Reason
	}
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		effect func(t *testing.T)
	}{
		{"nothing", func(*config.Config) {}, func(*testing.T) {}},
		{"authentication", func(c *config.Config) { c.Authentication.AllowAnonymous = false }, func(t *testing.T) {
			nobody.ExpectDisconnect(packet.NotAuthorized)
			if got := refused(hello("more", true, packet.V5)); got != packet.NotAuthorized {
				t.Errorf("an anonymous client got %v", got)
			}
		}},
		{"authorization", func(c *config.Config) { c.Authorization.DefaultPolicy = config.PolicyDeny }, func(t *testing.T) {
			if got := stays.Publish(text("a", "b", 1)); got != packet.NotAuthorized {
				t.Errorf("a PUBLISH that no rule allows got %v", got)
			}
		}},
		{"maxConnections", func(c *config.Config) { c.Limits.MaxConnections = 1 }, func(t *testing.T) {
			if got := refused(ann("more")); got != packet.QuotaExceeded {
				t.Errorf("a second connection got %v", got)
			}
		}},
		{"maxConnectionsPerUser", func(c *config.Config) { c.Limits.MaxConnectionsPerUser = 1 }, func(t *testing.T) {
			if got := refused(ann("more")); got != packet.QuotaExceeded {
				t.Errorf("a user's second connection got %v", got)
			}
		}},
		{"a listener's maxConnections", func(c *config.Config) { c.Listeners[0].MaxConnections = 1 }, func(t *testing.T) {
			if got := refused(ann("more")); got != packet.QuotaExceeded {
				t.Errorf("a listener's second connection got %v", got)
			}
		}},
		{"publish rate", func(c *config.Config) { c.Limits.PublishMessagesPerSecond = 20 }, func(t *testing.T) {
			before := b.Metrics().ThrottledTotal
			for range 25 {
				stays.SendPublish(text("a", "b", 0))
			}
			eventually(t, "the client is throttled", func() bool { return b.Metrics().ThrottledTotal > before })
		}},
		{"drain", func(c *config.Config) { c.Drain.DisconnectsPerSecond = new(int32(0)) }, func(*testing.T) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			next := *cfg.DeepCopy()
			test.change(&next)
			if b.Configure(t.Context(), next, test.name) {
				t.Error("it asks for a restart")
			}
			test.effect(t)
			stays.Send([]byte{0xC0, 0})
			stays.Expect(packet.TypePingresp)
			if b.Configure(t.Context(), cfg, "") {
				t.Error("it asks for a restart on the way back")
			}
			again := mqtttest.Start(t, b.addr(), ann("again"))
			if got := again.Publish(text("a", "b", 1)); got != packet.NoMatchingSubscribers {
				t.Errorf("what was set back is in force: PUBACK %v", got)
			}
			again.Disconnect(packet.Disconnect{})
		})
	}
	next := *cfg.DeepCopy()
	next.MQTT.MaxQoS = new(int32(1))
	if !b.Configure(t.Context(), next, "") {
		t.Error("it does not ask for the restart that maxQoS needs")
	}
	again := mqtttest.Start(t, b.addr(), ann("again"))
	if got := again.Publish(text("a", "b", 2)); got != packet.NoMatchingSubscribers {
		t.Errorf("maxQoS, which is not live, is in force: %v", got)
	}
}

// TestConfigureBeforeRun: a broker that does not run keeps nobody who configures it.
func TestConfigureBeforeRun(t *testing.T) {
	srv, err := server.New(open(t), server.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if srv.Configure(ctx, config.Config{}, "") {
		t.Error("it says that it has looked")
	}
}
