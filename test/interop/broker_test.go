package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// broker is a running dunlin-broker.
type broker struct {
	*process
	config config.Config
	file   string // of the configuration
}

// open is a configuration that lets everybody do everything, on one plain listener.
func open(t *testing.T) config.Config {
	return config.Config{
		Listeners: []config.Listener{{
			Host:             "127.0.0.1",
			ListenerSettings: config.ListenerSettings{Name: "plain", Protocol: config.ProtocolMQTT, Port: int32(freeport.For(t))},
		}},
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
		Log:            config.Log{Format: config.LogText},
	}
}

// serve runs a broker and returns once it listens.
func serve(t *testing.T, c config.Config) *broker {
	t.Helper()
	b := &broker{config: c, file: filepath.Join(t.TempDir(), "broker.json")}
	writeJSON(t, b.file, c)
	b.run(t)
	return b
}

func (b *broker) run(t *testing.T) {
	t.Helper()
	b.process = start(t, program, "--config", b.file)
	for range b.config.Listeners {
		b.line("msg=listening")
	}
}

// restart ends the broker by a signal and runs it anew.
func (b *broker) restart(t *testing.T, s syscall.Signal) {
	t.Helper()
	b.signal(s)
	b.end()
	b.run(t)
}

// port is the port of the listener number i, as an argument.
func (b *broker) port(i int) string { return strconv.Itoa(int(b.config.Listeners[i].Port)) }

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
