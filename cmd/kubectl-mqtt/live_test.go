package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// output is what a command prints, readable meanwhile.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !yes(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s has not happened within %s", what, patience)
		}
	}
}

// live is a broker that kubectl-mqtt run runs, in this process and the current folder.
type live struct {
	*testing.T
	secured, plain int // ports; the others are of WebSockets
	web, webTLS    int
	stop           func()
}

// objects are the Broker edge, alice who may all below sensors/, and bobby, whose User is bob, who may only subscribe there.
const objects = `
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: Broker
metadata: {name: edge}
spec:
  listeners:
    - {name: wss, protocol: WSS, port: %d, path: /there}
    - {name: ws, protocol: WS, port: %d}
    - {name: mqtts, port: %d}
    - {name: plain, protocol: MQTT, port: %d}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: User
metadata: {name: alice}
spec: {brokerRef: {name: edge}, groups: [ops]}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: User
metadata: {name: bob}
spec: {brokerRef: {name: edge}, username: bobby}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: sensors}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: Group, name: ops}]
  rules: [{actions: [Publish, Subscribe], topics: ["sensors/#"]}]
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: bob-reads}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: User, name: bobby}]
  rules: [{actions: [Subscribe], topics: ["sensors/#"]}]
`

// startLive runs one in a folder of its own, which the test has changed to; its state is in dunlin-state.
func startLive(t *testing.T) *live {
	t.Helper()
	t.Chdir(t.TempDir())
	l := &live{T: t, secured: freeport.For(t), plain: freeport.For(t), web: freeport.For(t), webTLS: freeport.For(t)}
	if err := os.WriteFile("q.yaml", fmt.Appendf(nil, objects, l.webTLS, l.web, l.secured, l.plain), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, log, done := &output{}, &output{}, make(chan int, 1)
	go func() {
		done <- execute(ctx, []string{"run", "-f", "q.yaml"}, streams{in: strings.NewReader(""), out: out, err: log})
	}()
	l.stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("run: exit code %d\n%s\n%s", code, out, log)
		}
	})
	t.Cleanup(l.stop)
	eventually(t, "the banner", func() bool { return strings.Contains(out.String(), "Ctrl-C stops") || len(done) > 0 })
	return l
}

func (l *live) password(user string) string {
	l.Helper()
	data, err := os.ReadFile(filepath.Join("dunlin-state/users", user, "password"))
	if err != nil {
		l.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// client connects one, as alice, with a session that outlives it.
func (l *live) client(id string, received func(*packet.Publish)) *mqtt.Client {
	l.Helper()
	c, err := mqtt.Dial(l.Context(), mqtt.Options{Address: fmt.Sprintf("127.0.0.1:%d", l.plain), Received: received, Connect: packet.Connect{
		ClientID: id, HasUsername: true, Username: "alice", HasPassword: true, Password: []byte(l.password("alice")), CleanStart: true,
		Properties: packet.ConnectProperties{HasSessionExpiry: true, SessionExpiry: 3600},
		Will:       &packet.Will{Topic: "sensors/gone", Payload: []byte("x"), QoS: 1},
	}})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(c.Close)
	return c
}

func (l *live) subscribe(c *mqtt.Client, filter string, qos byte) {
	l.Helper()
	reasons, _, err := c.Subscribe(l.Context(), packet.Subscribe{Filters: []packet.Filter{{Filter: filter, QoS: qos}}})
	if err != nil || reasons[0].Failed() {
		l.Fatal(reasons, err)
	}
}

// cliAt runs a command line whose words are apart by spaces, with flags that say which broker, and wants an exit code and texts
// in stdout and stderr.
func (l *live) cliAt(where, line string, code int, want ...string) (stdout string) {
	l.Helper()
	return l.cliWith("", strings.Fields(line+" "+where), code, want...)
}

func (l *live) cliWith(stdin string, args []string, code int, want ...string) string {
	l.Helper()
	got, out, err := cli(l.T, stdin, args...)
	if got != code {
		l.Errorf("%s: exit code %d, want %d\nstdout %s\nstderr %s", strings.Join(args, " "), got, code, out, err)
	}
	for _, text := range want {
		if !strings.Contains(out, text) && !strings.Contains(err, text) {
			l.Errorf("%s: there is no %q\nstdout %s\nstderr %s", strings.Join(args, " "), text, out, err)
		}
	}
	return out
}

// parsed is JSON that a command has printed, as the type that it is of; a field that is not of it is an error.
func parsed[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return value
}

const here = "--state-dir dunlin-state"
