package console

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// script are the options of a script in console/browser.
type script struct {
	URL         string `json:"url"`
	KeyPin      string `json:"keyPin"`
	Chromium    string `json:"chromium"`
	WriteToken  string `json:"writeToken"`
	ReadToken   string `json:"readToken"`
	Password    string `json:"password"`
	Connections int    `json:"connections"` // that stay
	Sessions    int    `json:"sessions"`    // of the crowd
	Pictures    string `json:"pictures,omitempty"`
}

// run runs a script, and has a subtest of each line of JSON that it prints: a name and an error, which may be null.
func (s script) run(t *testing.T, name string) (results int) {
	t.Helper()
	options, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", name, string(options))
	cmd.Dir = "../../console/browser"
	cmd.WaitDelay = time.Second
	var failures bytes.Buffer
	cmd.Stderr = &failures
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("node %s: %v\n%s%s", name, err, out, failures.String())
	}
	for line := range bytes.Lines(out) {
		var result struct {
			Name  string
			Error *string
		}
		if err := json.Unmarshal(line, &result); err != nil {
			t.Errorf("node %s printed %q: %v", name, line, err)
			continue
		}
		results++
		t.Run(result.Name, func(t *testing.T) {
			if result.Error != nil {
				t.Error(*result.Error)
			}
		})
	}
	return results
}

// open is a plant that works, and how the browser gets to its console.
func open(t *testing.T, presses int) (*plant, script) {
	t.Helper()
	needs(t)
	b := serve(t)
	ctx, cancel := context.WithCancel(context.Background())
	p := b.run(ctx, t, presses)
	t.Cleanup(cancel) // before the plant is waited for
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	return p, script{
		URL: "https://" + b.admin + "/", KeyPin: b.keyPin, Chromium: chromium,
		WriteToken: writeToken, ReadToken: readToken, Password: secret, Connections: p.connected,
	}
}

// TestConsole has the commands list a crowd, goes through every page, and then looks whether what was done there has happened.
func TestConsole(t *testing.T) {
	p, s := open(t, 12)
	s.Sessions = 100_000
	p.b.crowd(t, s.Sessions)
	t.Run("commands", func(t *testing.T) { p.b.commandsAmong(t, s.Sessions) })
	if n := s.run(t, "scenes.mjs"); n < 10 {
		t.Errorf("%d scenes were played, want all", n)
	}
	select {
	case gone := <-p.gone:
		if gone != "press-07 0x98" {
			t.Errorf("disconnected: %s, want press-07 with 0x98", gone)
		}
	default:
		t.Error("press-07 was not disconnected")
	}
	if topics := p.retained(t); len(topics) == 0 || strings.Contains(strings.Join(topics, " "), "press-02") {
		t.Errorf("retained are %q, want others than that of press-02", topics)
	}
}

// retained is the topics with a retained message, as one hears of them who subscribes.
func (p *plant) retained(t *testing.T) (topics []string) {
	t.Helper()
	conn, err := net.Dial("tcp", p.b.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's
	heard := make(chan *paho.Publish, 1000)
	c := paho.NewClient(paho.ClientConfig{Conn: conn, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(r paho.PublishReceived) (bool, error) { heard <- r.Packet; return true, nil },
	}})
	if _, err := c.Connect(t.Context(), &paho.Connect{
		ClientID: "asks", CleanStart: true, UsernameFlag: true, PasswordFlag: true, Username: "dashboard", Password: []byte(secret),
	}); err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, "plant/+/+/status", 0)
	// The retained messages come before what is published after the subscription, of which the plant makes enough.
	late := time.After(patience)
	for {
		select {
		case m := <-heard:
			if !m.Retain {
				return topics
			}
			topics = append(topics, m.Topic)
		case <-late:
			t.Fatal("nothing is published any more")
		}
	}
}

// TestPictures writes docs/images, for which it is given -pictures.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("without -pictures there is nowhere to write them")
	}
	_, s := open(t, 36)
	var err error
	if s.Pictures, err = filepath.Abs(*pictures); err != nil {
		t.Fatal(err)
	}
	if n := s.run(t, "pictures.mjs"); n != 14 {
		t.Errorf("%d pictures were made, want 14", n)
	}
}
