package server_test

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestClientMetrics: connections are counted by listener and version while they are open, and what was refused is not.
func TestClientMetrics(t *testing.T) {
	b, _ := guarded(t)
	mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	old := mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V311))
	mqtttest.Dial(t, b.addr()).Connect(as("bob", "no", packet.V5))
	want := []metrics.Clients{{Listener: "mqtt", Version: "3.1"}, {Listener: "mqtt", Version: "3.1.1", Open: 1, Total: 1}, {Listener: "mqtt", Version: "5.0", Open: 1, Total: 1}}
	if diff := cmp.Diff(want, b.Metrics().Clients); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	old.Close()
	eventually(t, "the connection is counted out", func() bool {
		return b.Metrics().Clients[1] == metrics.Clients{Listener: "mqtt", Version: "3.1.1", Total: 1}
	})
}

// TestFailureMetrics: who does not get in and what is denied is counted by why.
func TestFailureMetrics(t *testing.T) {
	b, dir := guarded(t)
	for _, p := range []packet.Connect{as("ann", "no", packet.V5), as("eve", "no", packet.V311), {Version: packet.V5, ClientID: "c", CleanStart: true}} {
		mqtttest.Dial(t, b.addr()).Connect(p)
	}
	method := as("ann", "ann", packet.V5)
	method.Properties.AuthMethod = "PLAIN"
	mqtttest.Dial(t, b.addr()).Connect(method)
	m := b.Metrics()
	if diff := cmp.Diff(map[string]uint64{"bad_credentials": 2, "anonymous": 1, "method": 1, "not_proved": 0, "busy": 0}, m.AuthFailures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}

	leaving := as("bob", "bob", packet.V5)
	leaving.Will = &packet.Will{Topic: "closed/will", Payload: []byte("gone")}
	mqtttest.Start(t, b.addr(), leaving).Close()
	ann := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	ann.Publish(text("closed/a", "1", 1))
	ann.Publish(text("closed/a", "2", 1))
	ann.Publish(text("open/a", "3", 1))
	ann.Subscribe(filter("closed/#", 0), filter("open/#", 0), filter("#", 0))
	eventually(t, "the denials are counted", func() bool {
		return cmp.Equal(map[string]uint64{"publish": 2, "subscribe": 2, "will": 1}, b.Metrics().Denials)
	})

	if m.AuthUsers != 2 || m.AuthFailed {
		t.Errorf("%d users, failed: %v", m.AuthUsers, m.AuthFailed)
	}
	write(t, dir, "passwd", "what is this")
	eventually(t, "the failed load is told", func() bool { return b.Metrics().AuthFailed && b.Metrics().AuthUsers == 2 })
	write(t, dir, "passwd", passwords(t, "ann"))
	eventually(t, "the good load is told", func() bool { return !b.Metrics().AuthFailed && b.Metrics().AuthUsers == 1 })
}

// TestTLSMetrics: the ends of what is in files are told, and handshakes that fail.
func TestTLSMetrics(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	b, dir := certified(t, ca, nil)
	ends := make(map[string]time.Duration)
	for _, e := range b.Metrics().Expiries {
		if e.Listener != "mqtts" {
			t.Errorf("%+v", e)
		}
		ends[e.Kind+" "+e.Path[len(dir):]] = time.Until(e.At).Round(time.Hour)
	}
	if len(ends) != 3 || ends["revocation_list /ca.crl"] != time.Hour || ends["client_ca /ca.crt"] <= 0 || ends["certificate /tls.crt"] <= 0 {
		t.Errorf("ends are %v", ends)
	}
	nc, err := net.Dial("tcp", b.Addr("mqtts").String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("no TLS at all")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the failed handshake is counted", func() bool { return b.Metrics().Handshakes["mqtts"] == 1 })
	if _, ok := b.Metrics().Handshakes["mqtt"]; ok {
		t.Error("a listener without TLS counts handshakes")
	}
}

// TestPublishDurations: a sample of PUBLISHes is timed: by the path that it takes, and every one of a read.
func TestPublishDurations(t *testing.T) {
	cfg := open(t)
	cfg.Store.Dir = t.TempDir()
	b := run(t, cfg)
	sub := b.connect("sub", true, packet.V5)
	sub.Subscribe(filter("memory", 0))
	keeper := b.connect("keeper", false, packet.V5)
	keeper.Subscribe(filter("disk", 1))
	keeper.Close()
	pub := b.connect("pub", true, packet.V5)
	count := func(path string) uint64 {
		h := b.Metrics().PublishDurations[path]
		if h.Count() > 0 && h.Sum <= 0 {
			t.Errorf("path %s: %+v", path, h)
		}
		return h.Count()
	}
	for range 1000 {
		pub.Say("memory", "x", 0)
		sub.ExpectMessage("memory", "x")
		if count("memory") > 0 {
			break
		}
	}
	if count("memory") == 0 || count("store") != 0 {
		t.Errorf("in memory: %d, stored: %d", count("memory"), count("store"))
	}
	before := count("memory")
	for range 1000 {
		pub.Publish(text("disk", "x", 1))
		if count("store") > 0 {
			break
		}
	}
	if count("store") == 0 || count("memory") != before {
		t.Errorf("in memory: %d, and %d before; stored: %d", count("memory"), before, count("store"))
	}
	if m := b.Metrics(); m.StoreCommits.Count() == 0 || m.StoreSyncs.Count() == 0 {
		t.Errorf("commits: %+v, syncs: %+v", m.StoreCommits, m.StoreSyncs)
	}
}
