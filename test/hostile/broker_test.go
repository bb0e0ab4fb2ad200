package hostile

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// patience is how long a test waits for what should come at once: the machine may be busy.
const patience = 30 * time.Second

// connectTimeout is the broker's, in seconds.
const connectTimeout = 1

// target is a broker under attack, with a listener of each kind.
type target struct {
	*daemon.Broker
	t       *testing.T
	ws      string // host:port of its WebSocket listener
	tls     string // of its TLS listener
	proxied string // of one that takes PROXY headers, and needs them
	health  string
}

// start starts a broker with small limits; change may be nil.
func start(t *testing.T, change func(*config.Config)) *target {
	t.Helper()
	for try := 1; ; try++ {
		b := &target{t: t}
		err := b.launch(change)
		if err == nil {
			return b
		}
		if try == 3 { // before, somebody may have taken a port that was free
			t.Fatal(err)
		}
	}
}

// launch starts the broker and waits until it serves.
func (b *target) launch(change func(*config.Config)) (err error) {
	b.t.Helper()
	dir := b.t.TempDir()
	c := b.config(dir)
	if change != nil {
		change(&c)
	}
	// The collector runs often, so that what is measured is what is held.
	if b.Broker, err = daemon.Dunlin(program, dir, "", c, "GOGC=25"); err != nil {
		return err
	}
	b.t.Cleanup(b.Close)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Run(ctx); err != nil {
		return err
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for err = b.scrape(new(usage)); err != nil; err = b.scrape(new(usage)) { // its metrics may come a moment later
		select {
		case <-again.C:
		case <-b.Ended():
			return err
		case <-ctx.Done():
			return err
		}
	}
	return nil
}

// config has a listener of each kind.
func (b *target) config(dir string) (c config.Config) {
	listener := func(name string, p config.Protocol, addr *string) config.Listener {
		*addr = free(b.t)
		at := netip.MustParseAddrPort(*addr)
		return config.Listener{
			ListenerSettings: config.ListenerSettings{Name: name, Protocol: p, Port: int32(at.Port())}, Host: at.Addr().String(),
		}
	}
	c.Listeners = []config.Listener{
		listener("ws", config.ProtocolWS, &b.ws), listener("tls", config.ProtocolMQTTS, &b.tls), listener("proxied", config.ProtocolMQTT, &b.proxied),
	}
	cert, key := keypairtest.Write(b.t, dir, "localhost")
	c.Listeners[1].TLS = &config.ListenerTLS{CertFile: cert, KeyFile: key}
	c.Listeners[2].ProxyProtocol = &config.ProxyProtocol{Trusted: []string{"127.0.0.1"}}
	b.health = free(b.t)
	c.Admin.HealthAddress = b.health
	c.MQTT.ConnectTimeoutSeconds = connectTimeout
	c.Log.Level = config.LogWarn
	return c
}

// free is an address of this machine that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	addr, err := daemon.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// attack runs f while a healthy client is served, and then expects the broker to be as it was before. The memory that it
// takes may grow by so many MiB meanwhile.
func (b *target) attack(mib int, f func()) {
	b.t.Helper()
	before := b.measure()
	stop := b.watch()
	f()
	b.restored(before, mib)
	stop()
	b.quiet()
}

// trouble is what no log may have.
var trouble = regexp.MustCompile(`(?m)^(panic|fatal error|WARNING: DATA RACE|goroutine \d+ \[).*$`)

// quiet fails if the broker has ended, or has written what it should not.
func (b *target) quiet() {
	b.t.Helper()
	text, err := b.Log()
	if err != nil {
		b.t.Fatal(err)
	}
	if at := trouble.FindStringIndex(text); at != nil {
		b.t.Fatalf("the broker's log has\n%s", text[at[0]:min(len(text), at[0]+4000)])
	}
	select {
	case <-b.Ended():
		b.t.Fatalf("the broker has ended:\n%s", text)
	default:
	}
}

// dial opens a connection that is closed when the test ends, and has a deadline.
func (b *target) dial(addr string) *net.TCPConn {
	b.t.Helper()
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = nc.Close() }) // it may be closed already
	_ = nc.SetDeadline(time.Now().Add(2 * patience))
	return nc.(*net.TCPConn)
}

// dialTLS is dial with a TLS handshake.
func (b *target) dialTLS() net.Conn {
	b.t.Helper()
	c := tls.Client(b.dial(b.tls), &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		b.t.Fatal(err)
	}
	return c
}
