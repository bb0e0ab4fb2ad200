package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// startConsole runs the command against the broker of dunlin-state, and returns the link that it prints.
func startConsole(t *testing.T) (link string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, log, done := &output{}, &output{}, make(chan int, 1)
	go func() {
		done <- execute(ctx, []string{"console", "--state-dir", "dunlin-state", "--no-open"}, streams{in: strings.NewReader(""), out: out, err: log})
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("console: exit code %d\n%s\n%s", code, out, log)
		}
	})
	printed := regexp.MustCompile(`(http://127\.0\.0\.1:\d+/[A-Z2-7]{26}/)\n`)
	eventually(t, "the link", func() bool { return printed.MatchString(out.String()) || len(done) > 0 })
	found := printed.FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("console printed %q, %q", out, log)
	}
	return found[1]
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

func TestConsole(t *testing.T) {
	l := startLive(t)
	link := startConsole(t)
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
		if token := c.Publish("sensors/try", 1, false, "x"); !token.WaitTimeout(patience) || token.Error() != nil {
			return token.Error()
		}
		if _, body := fetch(t, link+"v1/clients/page"); !strings.Contains(body, `"listener":"mqtts"`) {
			t.Errorf("the client of the page is %s, want it over TLS", body)
		}
		return nil
	}
	if err := connect(l.password("alice")); err != nil {
		t.Errorf("connect through the console: %v", err)
	}
	if err := connect("wrong"); err == nil {
		t.Error("a wrong password connects through the console")
	}

	l.stop()
	var said api.Error
	if status, body := fetch(t, link+"v1/overview"); status != http.StatusBadGateway || json.Unmarshal([]byte(body), &said) != nil || said.Error == "" {
		t.Errorf("without a broker: %d %q", status, body)
	}
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
