package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/server"
)

// TestRefused: what is wrong with the flags or the configuration ends the program with 2 and a
// message that names what and where.
func TestRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broker.yaml")
	for name, test := range map[string]struct {
		yaml string // "": no file
		args []string
		want []string // in the message
	}{
		"unknown flag":    {args: []string{"--port", "1"}, want: []string{"-port", "--help"}},
		"an argument":     {args: []string{"broker.yaml"}, want: []string{`"broker.yaml"`, "--help"}},
		"no such folder":  {args: []string{"--cpu-profile", file + ".none/x"}, want: []string{"--cpu-profile", file + ".none/x"}},
		"no port":         {args: []string{"--listen", "localhost"}, want: []string{"--listen localhost", "127.0.0.1:1883"}},
		"port too large":  {args: []string{"--listen", "localhost:65536"}, want: []string{`port "65536"`, "65535"}},
		"no such file":    {args: []string{"--config", file + ".none"}, want: []string{file + ".none", "no such file"}},
		"port 0":          {args: []string{"--listen", "localhost:0"}, want: []string{`port "0"`, "from 1"}},
		"unknown field":   {yaml: "log:\n  level: Info\nmqtt:\n  maxPacketSize: 9\n", want: []string{file + ":4", "mqtt.maxPacketSize", "maxPacketSizeBytes"}},
		"wrong type":      {yaml: "mqtt:\n  receiveMaximum: many\n", want: []string{file + ":2", "mqtt.receiveMaximum"}},
		"out of range":    {yaml: "mqtt:\n  maxQoS: 3\n", want: []string{file + ":2", "mqtt.maxQoS"}},
		"not YAML":        {yaml: "log: [\n", want: []string{file}},
		"TLS not asked":   {yaml: "listeners:\n- {name: a, protocol: MQTTS, port: 8883}\n", want: []string{file + ":2", "tls"}},
		"same port twice": {yaml: "listeners:\n- {name: a, protocol: MQTT, port: 1}\n- {name: b, protocol: MQTT, port: 1}\n", want: []string{file, "port"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if test.yaml != "" {
				if err := os.WriteFile(file, []byte(test.yaml), 0o600); err != nil {
					t.Fatal(err)
				}
				args = []string{"--config", file}
			}
			var stdout, stderr strings.Builder
			if code := run(args, &stdout, &stderr); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr is %q, want %q in it", stderr.String(), want)
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout is %q", stdout.String())
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	var stdout, stderr strings.Builder
	if code := run([]string{"--version"}, &stdout, &stderr); code != exitOK || !strings.HasPrefix(stdout.String(), "dunlin-broker ") {
		t.Errorf("--version: exit code %d, stdout %q", code, stdout.String())
	}
	if code := run([]string{"--help"}, &stdout, &stderr); code != exitOK {
		t.Errorf("--help: exit code %d", code)
	}
	for _, want := range []string{"--config", "-store-dir", "127.0.0.1:1883", "Exit codes"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("--help does not say %q:\n%s", want, stdout.String())
		}
	}
}

// TestConfigure: without a file the broker is for development on this machine only; the flags are
// laid over whatever there is.
func TestConfigure(t *testing.T) {
	cfg, _, err := source{}.read()
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.Defaulted()
	if l := cfg.Listeners; len(l) != 1 || l[0].Host != "127.0.0.1" || l[0].Port != 1883 || l[0].Protocol != config.ProtocolMQTT {
		t.Errorf("listeners %+v", l)
	}
	if !cfg.Authentication.AllowAnonymous || cfg.Authorization.DefaultPolicy != config.PolicyAllow || cfg.Store.Dir != "" {
		t.Errorf("%+v", cfg)
	}
	cfg, _, err = source{listen: "[::1]:2883", storeDir: "/var/lib/x"}.read()
	if err != nil {
		t.Fatal(err)
	}
	if l := cfg.Listeners; len(l) != 1 || l[0].Host != "::1" || l[0].Port != 2883 || cfg.Store.Dir != "/var/lib/x" {
		t.Errorf("listeners %+v, store %+v", l, cfg.Store)
	}
}

// TestRepeat: it goes round after a restore, and for nothing else; a signal ends it even then.
func TestRepeat(t *testing.T) {
	restored := fmt.Errorf("run: %w", server.ErrRestored)
	failed := errors.New("disk on fire")
	for _, test := range []struct {
		name    string
		runs    []error // what each run returns
		stopped int     // in which run the signal comes; 0: none
		want    error
	}{
		{"stopped", []error{nil}, 1, nil},
		{"ended by itself", []error{nil}, 0, nil},
		{"failed", []error{failed}, 0, failed},
		{"restored, then stopped", []error{restored, restored, nil}, 3, nil},
		{"restored, then failed", []error{restored, failed}, 0, failed},
		{"stopped while it restores", []error{restored}, 1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			err := repeat(ctx, func() error {
				if n++; n > len(test.runs) {
					t.Fatalf("run %d", n)
				}
				if n == test.stopped {
					cancel()
				}
				return test.runs[n-1]
			})
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || n != len(test.runs) {
				t.Errorf("%v after %d runs, want %v after %d", err, n, test.want, len(test.runs))
			}
		})
	}
}
