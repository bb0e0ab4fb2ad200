package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// startConsole runs the command, and returns the link that it prints and what stops it.
func startConsole(t *testing.T, line string) (link string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, log, done := &output{}, &output{}, make(chan int, 1)
	go func() {
		done <- execute(ctx, strings.Fields("console --no-open "+line), streams{in: strings.NewReader(""), out: out, err: log})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("console: exit code %d\n%s\n%s", code, out, log)
		}
	})
	t.Cleanup(stop)
	printed := regexp.MustCompile(`(http://127\.0\.0\.1:\d+/[A-Z2-7]{26}/)\n`)
	eventually(t, "the link", func() bool { return printed.MatchString(out.String()) || len(done) > 0 })
	found := printed.FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("console printed %q, %q", out, log)
	}
	return found[1], stop
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // of a test
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// consoleWorks: the page is there, its calls have the command's role, and its client gets to a listener.
func consoleWorks(t *testing.T, l *live, link, listener string) {
	t.Helper()
	if status, page := fetch(t, link); status != http.StatusOK || !strings.Contains(page, `<div id="app">`) {
		t.Errorf("GET %s: %d\n%s", link, status, page)
	}
	var me api.Me
	if _, body := fetch(t, link+"v1/me"); json.Unmarshal([]byte(body), &me) != nil || me.Role != "Write" {
		t.Errorf("the console is to the broker %s", body)
	}
	root := link[:strings.LastIndex(link[:len(link)-1], "/")]
	connect := func(password string) error {
		o := paho.NewClientOptions().AddBroker("ws" + strings.TrimPrefix(link, "http") + "mqtt").SetClientID("page").
			SetUsername("alice").SetPassword(password).SetHTTPHeaders(http.Header{"Origin": {root}}).SetConnectRetry(false)
		c := paho.NewClient(o)
		token := c.Connect()
		if !token.WaitTimeout(patience) || token.Error() != nil {
			return token.Error()
		}
		defer c.Disconnect(0)
		if token := c.Publish("sensors/try", 1, false, strings.Repeat("x", 100_000)); !token.WaitTimeout(patience) || token.Error() != nil {
			return token.Error()
		}
		if _, body := fetch(t, link+"v1/clients/page"); !strings.Contains(body, `"listener":"`+listener+`"`) {
			t.Errorf("the client of the page is %s, want it through %s", body, listener)
		}
		return nil
	}
	if err := connect(l.password("alice")); err != nil {
		t.Errorf("connect through the console: %v", err)
	}
	if err := connect("wrong"); err == nil {
		t.Error("a wrong password connects through the console")
	}
}

func TestConsole(t *testing.T) {
	l := startLive(t)
	link, _ := startConsole(t, here)
	consoleWorks(t, l, link, "mqtts")
	web, stop := startConsole(t, here+" --listener wss")
	consoleWorks(t, l, web, "wss")
	stop()

	l.stop()
	var said api.Error
	if status, body := fetch(t, link+"v1/overview"); status != http.StatusBadGateway || json.Unmarshal([]byte(body), &said) != nil || said.Error == "" {
		t.Errorf("without a broker: %d %q", status, body)
	}
}

// TestConsoleInCluster: both ways of the console lead through port-forwards, and it finds a new one when a pod's has ended.
func TestConsoleInCluster(t *testing.T) {
	l := startLive(t)
	s := inCluster(t, l)
	link, _ := startConsole(t, "edge")
	consoleWorks(t, l, link, "mqtts")
	s.Cut()
	eventually(t, "an answer through another port-forward", func() bool {
		status, _ := fetch(t, link+"v1/overview")
		return status == http.StatusOK
	})
	consoleWorks(t, l, link, "mqtts")
}

func TestConsoleRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"console --state-dir nothing", exitFailed, "no broker runs by the state folder nothing"},
		{"console --state-dir nothing extra", exitUsage, "not both"},
		{"console --port 70000", exitUsage, "port"},
	} {
		var out, log output
		code := execute(t.Context(), strings.Fields(test.args), streams{in: strings.NewReader(""), out: &out, err: &log})
		if code != test.code || !strings.Contains(log.String(), test.want) {
			t.Errorf("%s: exit code %d, %q; want %d and %q", test.args, code, log.String(), test.code, test.want)
		}
	}
}
