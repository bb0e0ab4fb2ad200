package monitoring

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/client"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// startBroker runs a broker with all that the dashboard shows, and traffic, until the test ends; it returns its health address.
func startBroker(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "localhost")
	addr, health := freeAddr(t), freeAddr(t)
	plain, secure := listenerOn(t, "mqtt", addr), listenerOn(t, "mqtts", freeAddr(t))
	secure.Protocol, secure.TLS = config.ProtocolMQTTS, &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile}
	srv, err := server.New(config.Config{
		Listeners:      []config.Listener{plain, secure},
		Authentication: config.Authentication{AllowAnonymous: true}, Authorization: config.Authorization{DefaultPolicy: config.PolicyAllow},
		Store: config.Store{Dir: filepath.Join(dir, "store")},
		Admin: config.Admin{HealthAddress: health},
		Audit: config.Audit{AuditSettings: config.AuditSettings{Enabled: true}, File: filepath.Join(dir, "audit.log")},
	}, server.Deps{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := srv.Run(ctx); err != nil {
			t.Errorf("broker: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	select {
	case <-srv.Ready():
	case <-time.After(patience):
		t.Fatal("the broker is not ready")
	}
	running.Go(func() {
		if err := traffic(ctx, addr); err != nil && ctx.Err() == nil {
			t.Errorf("traffic: %v", err)
		}
	})
	return health
}

func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := daemon.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func listenerOn(t *testing.T, name, addr string) config.Listener {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return config.Listener{ListenerSettings: config.ListenerSettings{Name: name, Protocol: config.ProtocolMQTT, Port: int32(number)}, Host: host}
}

// traffic publishes a few hundred messages a second until ctx is done, half of them for a session that is away, which the
// broker stores, half for a subscriber that reads.
func traffic(ctx context.Context, addr string) error {
	away := packet.Connect{ClientID: "away", CleanStart: true}
	away.Properties.SessionExpiry, away.Properties.HasSessionExpiry = 3600, true
	keeper, _, err := client.Start(addr, away)
	if err != nil {
		return err
	}
	keeper.Subscribe(1, packet.Filter{Filter: "stored", QoS: 1})
	if _, err := keeper.Expect(packet.TypeSuback); err != nil {
		return err
	}
	keeper.Close()
	c, _, err := client.Start(addr, packet.Connect{ClientID: "both", CleanStart: true})
	if err != nil {
		return err
	}
	defer c.Close()
	c.Subscribe(1, packet.Filter{Filter: "live"})
	if _, err := c.Expect(packet.TypeSuback); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for id := uint16(1); ; id = max(1, id+1) {
		c.Publish(&packet.Publish{Topic: []byte("live"), Payload: []byte("21.5")})
		c.Publish(&packet.Publish{Topic: []byte("stored"), Payload: []byte("21.5"), QoS: 1, PacketID: id})
		for range 2 { // the message and the acknowledgement, in whichever order
			if p, err := c.Next(); err != nil || p.Type != packet.TypePublish && p.Type != packet.TypePuback {
				return fmt.Errorf("got a %v: %w", p.Type, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
