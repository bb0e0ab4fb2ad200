package console

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// plant is the traffic: presses of three lines that report, and who wants to know.
type plant struct {
	b         *broker
	presses   int
	connected int // clients that stay
	running   sync.WaitGroup
	// gone has the identifier of each client that the broker has disconnected, and the reason code.
	gone chan string
}

// run starts the plant, which works until ctx is done.
func (b *broker) run(ctx context.Context, t *testing.T, presses int) *plant {
	t.Helper()
	p := &plant{b: b, presses: presses, gone: make(chan string, 100)}
	dashboard := p.connect(t, "dashboard", "dashboard", 60, nil)
	subscribe(t, dashboard, "plant/#", 0)
	away := p.connect(t, "historian", "historian", 0, nil)
	subscribe(t, away, "plant/+/+/status", 1)
	_ = away.Disconnect(&paho.Disconnect{})
	p.connected--
	for i := range presses {
		line, press := fmt.Sprint("line", i%3+1), fmt.Sprintf("press-%02d", i+1)
		base := "plant/" + line + "/" + press
		c := p.connect(t, press, line, 30, &paho.WillMessage{Topic: base + "/status", Payload: []byte(`{"state": "lost"}`), QoS: 1, Retain: true})
		subscribe(t, c, base+"/command", 1)
		p.running.Go(func() { work(ctx, c, base, i) })
	}
	t.Cleanup(p.running.Wait)
	return p
}

// connect is a client with a session of an hour, and is counted as one that stays.
func (p *plant) connect(t *testing.T, id, user string, keepAlive uint16, will *paho.WillMessage) *paho.Client {
	t.Helper()
	conn, err := net.Dial("tcp", p.b.mqtt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := paho.NewClient(paho.ClientConfig{Conn: conn, OnServerDisconnect: func(d *paho.Disconnect) {
		select {
		case p.gone <- fmt.Sprintf("%s %#x", id, d.ReasonCode):
		default:
		}
	}})
	expiry := uint32(3600)
	_, err = c.Connect(t.Context(), &paho.Connect{
		ClientID: id, CleanStart: true, KeepAlive: keepAlive, UsernameFlag: true, PasswordFlag: true, Username: user, Password: []byte(secret),
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry}, WillMessage: will,
	})
	if err != nil {
		t.Fatalf("connect %s: %v", id, err)
	}
	p.connected++
	return c
}

// crowd leaves so many sessions behind, of clients that are away: sensor-000000 and so on.
func (b *broker) crowd(t *testing.T, sessions int) {
	t.Helper()
	numbers := make(chan int)
	var running sync.WaitGroup
	for range 64 {
		running.Go(func() {
			for n := range numbers {
				if err := b.comeAndGo(fmt.Sprintf("sensor-%06d", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range sessions {
		numbers <- n
	}
	close(numbers)
	running.Wait()
}

// comeAndGo connects a client with a session of an hour, and ends the connection at once.
func (b *broker) comeAndGo(id string) error {
	nc, err := net.Dial("unix", b.socket) // which costs a fraction of TCP
	if err != nil {
		return err
	}
	defer nc.Close() //nolint:errcheck // a test's
	connect := packet.Connect{
		Version: packet.V5, ClientID: id, CleanStart: true, HasUsername: true, Username: "historian", HasPassword: true, Password: []byte(secret),
		Properties: packet.ConnectProperties{HasSessionExpiry: true, SessionExpiry: 3600},
	}
	var disconnect packet.Disconnect
	if _, err := nc.Write(disconnect.Append(connect.Append(nil), packet.V5)); err != nil {
		return err
	}
	answer, err := io.ReadAll(nc)
	if err == nil && (len(answer) < 4 || answer[3] != byte(packet.Success)) {
		err = fmt.Errorf("connect %s: % x", id, answer)
	}
	return err
}

func subscribe(t *testing.T, c *paho.Client, filter string, qos byte) {
	t.Helper()
	if _, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}}); err != nil {
		t.Fatal(err)
	}
}

// work is what a press does until ctx is done or it is disconnected. The first status is retained; the fifth press wants to command.
func work(ctx context.Context, c *paho.Client, base string, n int) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	send := func(level string, qos byte, retain bool, payload string) bool {
		out, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		_, err := c.Publish(out, &paho.Publish{
			Topic: base + "/" + level, QoS: qos, Retain: retain, Payload: []byte(payload),
			Properties: &paho.PublishProperties{ContentType: "application/json"},
		})
		return err == nil || level == "command" // which it may not
	}
	for i := 0; ; i++ {
		wave := math.Sin(float64(i)/40 + float64(n))
		ok := send("temperature", 0, false, fmt.Sprintf(`{"value": %.1f, "unit": "°C"}`, 64+6*wave)) &&
			send("vibration", 0, false, fmt.Sprintf(`{"rms": %.2f, "peak": %.2f, "unit": "mm/s"}`, 2+wave, 5+2*wave)) &&
			send("power", 1, false, fmt.Sprintf(`{"value": %.1f, "unit": "kW"}`, 18+4*wave))
		if ok && i%25 == 0 {
			ok = send("status", 1, i == 0, fmt.Sprintf(`{"state": "running", "program": "P-%d", "parts": %d, "since": "2026-11-21T05:58:12Z"}`, 100+n, 4200+i*3+n))
		}
		if n == 4 && i%10 == 0 {
			_ = send("command", 1, false, `{"do": "stop"}`)
		}
		if !ok {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-c.Done():
			return
		case <-tick.C:
		}
	}
}
