package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// subscribed runs sub until it has subscribed, and returns what waits for its end.
func (l *live) subscribed(id, line string) (wait func() (code int, out, err string)) {
	l.Helper()
	stdout, stderr, done := &output{}, &output{}, make(chan int, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	args := strings.Fields(line + " -i " + id + " " + here)
	go func() {
		defer cancel()
		done <- execute(ctx, args, streams{in: strings.NewReader(""), out: stdout, err: stderr})
	}()
	eventually(l.T, "the subscription of "+id, func() bool {
		_, out, _ := cli(l.T, "", strings.Fields("client "+id+" -o json "+here)...)
		return strings.Contains(out, `"filter"`) || len(done) > 0
	})
	return func() (int, string, string) { return <-done, stdout.String(), stderr.String() }
}

// TestPubSub: what pub sends sub prints, with its properties, in each format.
func TestPubSub(t *testing.T) {
	l := startLive(t)
	wait := l.subscribed("s", "sub sensors/# --as bob -q 2 -c 2 -o json")
	l.cliWith("", append(strings.Fields("pub sensors/1 --as alice -q 2 --content-type text/plain --text --response-topic r --correlation-data c --expiry 60 "+
		"--user-property k=v=w --user-property k=x "+here), "-m", "20.5 °C"), 0, "Published 1 message to sensors/1 as alice, acknowledged.")
	l.cliWith("\xff\x00", strings.Fields("pub sensors/2 --as alice "+here), 0, "At QoS 0 the broker does not say whether it takes it")
	code, out, stderr := wait()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 {
		t.Fatalf("exit code %d\n%s\n%s", code, out, stderr)
	}
	want := received{
		Topic: "sensors/1", QoS: 2, Payload: new("20.5 °C"), ExpirySeconds: new(uint32(60)), ContentType: "text/plain", ResponseTopic: "r", CorrelationData: []byte("c"),
		UserProperties: []api.UserProperty{{Name: "k", Value: "v=w"}, {Name: "k", Value: "x"}},
	}
	if diff := cmp.Diff(want, parsed[received](t, lines[0]), cmpopts.IgnoreFields(received{}, "Time")); diff != "" {
		t.Error(diff)
	}
	if m := parsed[received](t, lines[1]); string(m.PayloadBytes) != "\xff\x00" || m.Payload != nil {
		t.Errorf("%+v", m)
	}
	for format, want := range map[string]string{
		"table": "sensors/1 on\x1b\n", "payload": "on\x1b\n", "hex": "sensors/1 6f6e1b\n", "wide": " QoS 1 sensors/1 on\x1b\n", "yaml": "payload: \"on\\e\"\n",
	} {
		wait := l.subscribed("s-"+format, "sub sensors/+ --as bob -q 1 -c 1 -o "+format)
		l.cliWith("", append(strings.Fields("pub sensors/1 --quiet -q 1 --as alice "+here), "-m", "on\x1b"), 0)
		if code, out, stderr := wait(); code != 0 || !strings.HasSuffix(out, want) && !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, %q, %s", format, code, out, stderr)
		}
	}
	l.cliWith("a\r\nb\n\nc", strings.Fields("pub sensors/l --lines -r -q 1 --as alice "+here), 0, "Published 4 messages to sensors/l")
	l.cliAt(here, "sub sensors/l --as bob -c 1 -W 10s", 0, "sensors/l c\n")
	l.cliAt(here, "sub sensors/l --as bob -c 1 -W 100ms --no-retained", 1, "0 of 1 message came")
	l.cliAt(here, "sub sensors/l --as bob -W 100ms --no-retained", 0)
}

// TestListeners: each kind of listener is gone through, and the default is that of MQTTS.
func TestListeners(t *testing.T) {
	l := startLive(t)
	through := func(id, want string) {
		t.Helper()
		c := parsed[api.ClientDetail](t, l.cliAt(here, "client "+id+" -o json", 0))
		if c.Listener != want {
			t.Errorf("%s came through %s, want %s", id, c.Listener, want)
		}
	}
	l.cliAt(here, "clients", 0, "There are no clients, and no sessions of any.")
	for _, listener := range []string{"mqtts", "plain", "wss", "ws"} {
		wait := l.subscribed("s-"+listener, "sub sensors/# --as bob -q 2 -c 2 -o payload --listener "+listener)
		through("s-"+listener, listener)
		l.cliWith(strings.Repeat("x", 70_000), strings.Fields("pub sensors/1 --as alice -q 2 --listener "+listener+" "+here), 0, "acknowledged")
		l.cliAt(here, "pub sensors/1 --as alice -m y -q 1 --listener "+listener, 0, "acknowledged")
		if code, out, stderr := wait(); code != 0 || out != strings.Repeat("x", 70_000)+"\ny\n" {
			t.Errorf("%s: exit code %d, %d bytes, %s", listener, code, len(out), stderr)
		}
	}
	wait := l.subscribed("s", "sub sensors/# --as bob -c 1")
	through("s", "mqtts")
	l.cliAt(here, "pub sensors/1 --as alice -m y", 0)
	wait()
}

// TestPubSubRefused: what the broker does not let happen, and what the command line cannot mean.
func TestPubSubRefused(t *testing.T) {
	l := startLive(t)
	if err := os.WriteFile("secret", []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		line string
		code int
		want string
	}{
		{"pub actors/1 -m x --as alice -q 1", 1, "publish to actors/1: PUBACK with reason 0x87, Not authorized"},
		{"pub sensors/1 -m x -q 1 --as bob -c 3", 1, "Not authorized"},
		{"pub sensors/1 -m x", 1, "say who connects: --as one of alice, bob, or --username, or --anonymous"},
		{"pub sensors/1 -m x --as eve", 1, "there is no one User eve in dunlin-state, but there are: alice, bob"},
		{"pub sensors/1 -m x --as a/../x", 1, `"a/../x" is no name of a User`},
		{"pub sensors/1 -m x --anonymous", 1, "listener mqtts refuses a client without a user name: "},
		{"pub sensors/1 -m x -u alice --password-file secret", 1, "listener mqtts refuses user alice: "},
		{"pub sensors/1 -m x -u alice --password-file none", 1, "read password: open none"},
		{"pub sensors/1 -m x -u alice", 2, "password-file"},
		{"pub sensors/1 -m x --as alice --listener quic", 1, "the broker has no listener quic, only wss (WSS), ws (WS), mqtts (MQTTS), plain (MQTT)"},
		{"pub sensors/1 -m x --as alice --server-name example.com", 1, "say which of its names to expect with --server-name ("},
		{"pub sensors/1 -m x --as alice --listener wss --server-name example.com", 1, "say which of its names to expect with --server-name ("},
		{"pub sensors/1 -m x --as alice --cafile secret", 1, "there is no certificate in secret"},
		{"pub sensors/1 --filename none --as alice", 1, "read message: open none"},
		{"pub sensors/# -m x --as alice", 2, "has a wildcard"},
		{"pub sensors/1 -m x --as alice -q 3", 2, "--qos 3 is not 0, 1 or 2"},
		{"pub sensors/1 -m x --as alice --user-property k", 2, `--user-property "k" is not NAME=VALUE`},
		{"pub sensors/1 -m x --as alice --expiry 4294967296", 2, "--expiry 4294967296 is over"},
		{"pub sensors/1 -m x --as alice --count 0", 2, "there is at least one message"},
		{"pub sensors/1 hello", 2, "the payload is no argument: give it with -m, as in -m hello"},
		{"pub -m x", 2, "give the name of one BROKER"},
		{"sub actors/# sensors/# --as bob", 1, "subscribe to actors/#: refused with reason 0x87, Not authorized"},
		{"sub sensors/#/x --as bob", 1, "subscribe"},
		{"sub sensors/1 --as bob -q 9", 2, "--qos 9"},
		{"sub", 2, "give the name of one BROKER"},
		{"bench --as alice -d 1s", 1, "subscribe to bench/+: refused: Not authorized"},
		{"bench --as alice --size 1", 2, "--size 1 is not from 16"},
		{"bench --as alice --publishers 0", 2, "--publishers 0"},
		{"bench --as alice --rate -1", 2, "--rate -1"},
	} {
		l.cliAt(here, test.line, test.code, test.want)
	}
}

// TestSubGoesWithBroker: a broker that stops ends sub with what it said.
func TestSubGoesWithBroker(t *testing.T) {
	l := startLive(t)
	wait := l.subscribed("s", "sub sensors/# --as bob")
	l.stop()
	if code, _, stderr := wait(); code != 1 || !strings.Contains(stderr, "the connection ended: DISCONNECT with reason 0x8B, Server shutting down") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestBench(t *testing.T) {
	l := startLive(t)
	c := l.client("other", nil)
	if _, err := c.Publish(t.Context(), packet.Publish{Topic: []byte("sensors/bench/1"), QoS: 1, Retain: true, Payload: make([]byte, 64)}); err != nil {
		t.Fatal(err) // a message that is not the bench's
	}
	for _, qos := range []string{"0", "1", "2"} {
		r := parsed[benchResult](t, l.cliAt(here, "bench --as alice -t sensors/bench -d 300ms --rate 500 --publishers 2 --subscribers 3 -o json -q "+qos, 0))
		if r.Sent == 0 || r.Sent > 200 || r.Taken != r.Sent || r.Received != 3*r.Sent || r.Lost != 0 || r.Latency == nil || r.Latency.Max < r.Latency.P50 || r.BrokerCPU == nil {
			t.Errorf("QoS %s: %+v", qos, r)
		}
	}
	l.cliAt(here, "bench --as alice -t sensors/bench -d 200ms --rate 100", 0, "1 publisher and 1 subscriber, 64 bytes, QoS 0", "latency", "CPU")
}
