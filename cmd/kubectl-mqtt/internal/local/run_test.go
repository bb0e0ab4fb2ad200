package local

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// output is what a run prints, readable meanwhile.
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

func (o *output) has(text string) func() bool {
	return func() bool { return strings.Contains(o.String(), text) }
}

// running is a Run in a folder of its own, which the test has changed to: the files are q.yaml and
// dunlin-state.
type running struct {
	*testing.T
	out, log *output
	stop     func() error
}

var sharedLoader = sync.OnceValues(func() (manifests.Loader, error) {
	schemas, err := manifests.NewSchemas()
	return manifests.Loader{Schemas: schemas}, err
})

func options(t *testing.T, out, log *output) Options {
	t.Helper()
	loader, err := sharedLoader()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Paths: []string{"q.yaml"}, StateDir: "./dunlin-state", ListenHost: "127.0.0.1", Version: "test",
		Loader: loader, Out: out, Log: log,
	}
}

// run starts one and waits until it serves.
func run(t *testing.T, change func(*Options)) *running {
	t.Helper()
	r := &running{T: t, out: &output{}, log: &output{}}
	o := options(t, r.out, r.log)
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("stdout:\n%s\nlog:\n%s", r.out, r.log)
		}
	})
	eventually(t, "the banner", func() bool {
		select {
		case err := <-done:
			done <- err
			t.Fatalf("Run: %v", err)
		default:
		}
		return r.out.has("Ctrl-C stops")()
	})
	return r
}

// quickstart is the sample, on another port.
func quickstart(t *testing.T, port int) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "quickstart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "spec: {}", fmt.Sprintf("spec: {listeners: [{name: mqtts, port: %d}]}", port), 1)
	if text == string(data) {
		t.Fatal("the sample has no spec: {}")
	}
	return text
}

// save replaces q.yaml as editors do: by a new file that is renamed.
func save(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile("q.yaml~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("q.yaml~", "q.yaml"); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRun(t *testing.T) {
	port := freeport.For(t)
	yaml := quickstart(t, port)
	t.Chdir(t.TempDir())
	save(t, yaml)
	r := run(t, nil)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	secret := strings.TrimSpace(readFile(t, "dunlin-state/users/alice/password"))
	for _, want := range []string{
		fmt.Sprintf("mqtts      MQTTS      %s\n", address),
		fmt.Sprintf(`mosquitto_sub -h 127.0.0.1 -p %d --cafile dunlin-state/ca.crt -u alice -P "$(cat dunlin-state/users/alice/password)" -v -t 'sensors/#'`, port),
		"-t sensors/demo -m hello\n",
	} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("%q is not in the banner:\n%s", want, r.out)
		}
	}

	c := login(t, address, "dunlin-state/ca.crt", "alice", secret)
	if code := subscribe(c, "sensors/#"); code.Failed() {
		t.Fatalf("subscribe: %v", code)
	}
	c.SendPublish(packet.Publish{Topic: []byte("sensors/1"), Payload: []byte("hello")})
	c.ExpectMessage("sensors/1", "hello")
	if connect(dial(t, address, "dunlin-state/ca.crt"), "alice", "wrong") == packet.Success {
		t.Error("a wrong password is let in")
	}

	// An ACL is edited: it applies to the connection that is there.
	save(t, strings.Replace(yaml, "sensors/#", "actors/#", 1))
	eventually(t, "the new ACL", func() bool {
		return !subscribe(c, "actors/#").Failed()
	})
	if code := subscribe(c, "sensors/#"); code != packet.UnspecifiedError {
		t.Errorf("subscribe to what is no longer allowed: %v", code)
	}

	// An edit that is not valid changes nothing.
	save(t, strings.Replace(yaml, "- User", "- Usr", 1)+"  colour: red\n")
	eventually(t, "the refusal", r.out.has("Not applied, the broker runs on as it was:\nq.yaml:31: document 3: ACL default/alice-sensors: unknown field \"spec.colour\"\n"))
	if code := subscribe(c, "actors/#"); code.Failed() {
		t.Errorf("after a bad edit: %v", code)
	}

	// The Broker is edited: it restarts, with the same CA and password.
	plain := freeport.For(t)
	save(t, strings.Replace(yaml, "}]}", fmt.Sprintf("}, {name: plain, protocol: MQTT, port: %d}]}", plain), 1))
	eventually(t, "the restart", r.out.has(fmt.Sprintf("plain      MQTT       127.0.0.1:%d\n", plain)))
	login(t, address, "dunlin-state/ca.crt", "alice", secret)
	login(t, fmt.Sprintf("127.0.0.1:%d", plain), "", "alice", secret)

	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(r.out.String(), "\nStopping. Sessions and retained messages stay in dunlin-state/data/edge.\n") {
		t.Errorf("stdout ends otherwise:\n%s", r.out)
	}
}

func TestRunKeepsStateAcrossRuns(t *testing.T) {
	yaml := quickstart(t, freeport.For(t))
	t.Chdir(t.TempDir())
	save(t, yaml)
	kept := []string{"ca.crt", "ca.key", "tls.crt", "tls.key", "users/alice/password", "users/alice/hash", "auth/manifest.json"}
	before := map[string]string{}
	for _, again := range []bool{false, true} {
		if err := run(t, nil).stop(); err != nil {
			t.Fatal(err)
		}
		for _, file := range kept {
			path := filepath.Join("dunlin-state", file)
			if again && readFile(t, path) != before[file] {
				t.Errorf("%s has changed", file)
			}
			before[file] = readFile(t, path)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v, want only its owner to read it", file, info.Mode(), err)
			}
		}
	}
}

// TestRunSurvivesBrokerThatDoesNotStart: a port that is taken is reported, and the old broker goes on.
func TestRunSurvivesBrokerThatDoesNotStart(t *testing.T) {
	port := freeport.For(t)
	yaml := quickstart(t, port)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // of a test
	t.Chdir(t.TempDir())
	save(t, yaml)
	r := run(t, nil)
	number := taken.Addr().(*net.TCPAddr).Port
	broken := strings.Replace(yaml, "}]}", fmt.Sprintf("}, {name: plain, protocol: MQTT, port: %d}]}", number), 1)
	save(t, broken)
	eventually(t, "the refusal", r.out.has("Not applied"))
	if text := r.out.String(); !strings.Contains(text, "listener plain on 127.0.0.1") || !strings.Contains(text, "address already in use") {
		t.Errorf("the refusal does not name the listener:\n%s", text)
	}
	secret := strings.TrimSpace(readFile(t, "dunlin-state/users/alice/password"))
	c := login(t, fmt.Sprintf("127.0.0.1:%d", port), "dunlin-state/ca.crt", "alice", secret)

	// Users and ACLs still apply, without another attempt at the port.
	save(t, strings.Replace(broken, "sensors/#", "actors/#", 1))
	eventually(t, "the new ACL", func() bool {
		return !subscribe(c, "actors/#").Failed()
	})
	if n := strings.Count(r.out.String(), "restarting the broker"); n != 1 {
		t.Errorf("%d restarts, want 1:\n%s", n, r.out)
	}
}

func TestRunRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // of a test
	inUse := quickstart(t, taken.Addr().(*net.TCPAddr).Port)
	good := quickstart(t, freeport.For(t))
	for _, tt := range []struct {
		name, yaml, want string
		change           func(*Options)
	}{
		{name: "nothing there", yaml: "# empty\n", want: "there is no Broker among the files"},
		{name: "two Brokers", yaml: good + "---\n" + strings.ReplaceAll(good, "edge", "core"), want: "already"},
		{name: "other Broker", yaml: good, change: func(o *Options) { o.Broker = "core" }, want: "there is no Broker core among the files, only default/edge"},
		{name: "invalid", yaml: strings.Replace(good, "sensors/#", "#/sensors", 1), want: `q.yaml:30: document 3: ACL default/alice-sensors: spec.rules[0].topics[0]: "#/sensors"`},
		{name: "stopped", yaml: strings.Replace(good, "{listeners", "{replicas: 0, listeners", 1), want: "Broker default/edge has replicas: 0, so there is nothing to run"},
		{name: "port in use", yaml: inUse, want: "address already in use"},
		{name: "no such file", yaml: good, change: func(o *Options) { o.Paths = []string{"p.yaml"} }, want: "p.yaml: no such file or directory"},
		{name: "state folder is a file", yaml: good, change: func(o *Options) { o.StateDir = "q.yaml" }, want: "make state folder: mkdir q.yaml: not a directory"},
		{name: "host of others", yaml: good, change: func(o *Options) { o.ListenHost = "192.0.2.1" }, want: "192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			save(t, tt.yaml)
			o := options(t, &output{}, &output{})
			if tt.change != nil {
				tt.change(&o)
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // should it start, it stops at once
			if err := Run(ctx, o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestRunLocksItsState(t *testing.T) {
	yaml := quickstart(t, freeport.For(t))
	t.Chdir(t.TempDir())
	save(t, yaml)
	run(t, nil)
	err := Run(context.Background(), options(t, &output{}, &output{}))
	if err == nil || !strings.Contains(err.Error(), "state folder dunlin-state is in use by another kubectl-mqtt run") {
		t.Errorf("got %v", err)
	}
}
