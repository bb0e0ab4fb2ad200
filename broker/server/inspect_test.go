package server_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// administered adds the admin API to a configuration, with the tokens reader and writer.
func administered(t testing.TB, cfg *config.Config) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "broker")
	lines := ""
	for _, name := range []string{"Read", "Write"} {
		lines += fmt.Sprintf("%s:%s:%x\n", name, name, sha256.Sum256([]byte(name+"-token")))
	}
	cfg.Admin = config.Admin{
		Address: fmt.Sprintf("127.0.0.1:%d", int32(freeport.For(t))), CertFile: certFile, KeyFile: keyFile, TokensFile: write(t, dir, "tokens", lines),
	}
}

// caller calls the admin API of a broker.
type caller struct {
	t      testing.TB
	client *http.Client
	base   string
	token  string
}

func call(t testing.TB, cfg config.Config, role string) *caller {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // a test's
	t.Cleanup(transport.CloseIdleConnections)
	eventually(t, "the admin port is open", func() bool {
		nc, err := net.Dial("tcp", cfg.Admin.Address)
		if err == nil {
			_ = nc.Close() // it was only a look
		}
		return err == nil
	})
	return &caller{t, &http.Client{Transport: transport}, "https://" + cfg.Admin.Address, role + "-token"}
}

// do sends a request.
func (c *caller) do(method, path string) *http.Response {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

// status is the status of an answer, and its body.
func (c *caller) status(method, path string) (int, string) {
	c.t.Helper()
	resp := c.do(method, path)
	defer resp.Body.Close() //nolint:errcheck // a test's
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// get reads an answer, which has no fields that T has not.
func get[T any](c *caller, path string) (v T) {
	c.t.Helper()
	status, body := c.status("GET", path)
	d := json.NewDecoder(bytes.NewReader([]byte(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || status != http.StatusOK {
		c.t.Fatalf("GET %s: %d %s, %v", path, status, body, err)
	}
	return v
}

// want fails if an answer has another status, or not that text.
func (c *caller) want(method, path string, status int, text string) {
	c.t.Helper()
	if got, body := c.status(method, path); got != status || !strings.Contains(body, text) {
		c.t.Errorf("%s %s: %d %s, want %d %s", method, path, got, body, status, text)
	}
}

// TestAdminOverview: the figures, and that nothing is wrong.
func TestAdminOverview(t *testing.T) {
	cfg := open(t)
	cfg.Store.Dir = t.TempDir()
	administered(t, &cfg)
	b := run(t, cfg)
	c := b.connect("one", false, packet.V5)
	c.Subscribe(filter("a/#", 1))
	c.Say("b/c", "hello", 1)
	c.Retain("r", "kept")
	reader := call(t, cfg, "Read")
	o := get[api.Overview](reader, "/v1/overview")
	if o.Connections != 1 || o.Sessions != 1 || o.Subscriptions != 1 || o.Retained != 1 || o.Cores == 0 || o.MemoryBytes == 0 || o.CPUSeconds == 0 {
		t.Errorf("%+v", o)
	}
	if want := (api.Traffic{Packets: 4, Bytes: o.Received.Bytes, Messages: 2, PayloadBytes: 9}); o.Received != want || o.Received.Bytes < 30 {
		t.Errorf("received %+v", o.Received)
	}
	problems := slices.DeleteFunc(o.Problems, func(p api.Problem) bool { return p.Reason == "DiskNearlyFull" }) // the machine's, not ours
	if len(o.Dropped) != 6 || o.Instance == "" || o.Time.IsZero() || o.Problems == nil || len(problems) != 0 {
		t.Errorf("%+v", o)
	}
	if o.Store == nil || !o.Store.Healthy || o.Store.Writes == 0 || o.Store.DiskFreeBytes == 0 {
		t.Errorf("store: %+v", o.Store)
	}
	listeners := []api.Listener{{Name: "mqtt", Protocol: "MQTT", Address: b.addr(), Connections: 1}}
	if diff := cmp.Diff(listeners, o.Listeners); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(listeners, get[[]api.Listener](reader, "/v1/listeners")); diff != "" {
		t.Error(diff)
	}
	if me := get[api.Me](reader, "/v1/me"); me != (api.Me{Name: "Read", Role: "Read"}) {
		t.Errorf("me: %+v", me)
	}
}

// TestAdminClients: a client that is connected, one that is away, what each has, and how it is disconnected.
func TestAdminClients(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		cfg := open(t)
		cfg.Store.Dir = dir
		administered(t, &cfg)
		b := run(t, cfg)
		here := mqtttest.Start(t, b.addr(), packet.Connect{
			ClientID: "here", Version: packet.V5, CleanStart: true, KeepAlive: 30,
			Properties: packet.ConnectProperties{ReceiveMaximum: 7, MaximumPacketSize: 5000, SessionExpiry: 60, HasSessionExpiry: true},
			Will:       &packet.Will{Topic: "gone", QoS: 1, Retain: true, Delay: 5},
		})
		here.Subscribe(filter("a/+", 1), filter("$share/g/b", 2))
		away := b.connect("away/1", false, packet.V5)
		away.Subscribe(filter("q", 1))
		away.Disconnect(packet.Disconnect{})
		here.Say("q", "waits", 1)
		reader, writer := call(t, cfg, "Read"), call(t, cfg, "Write")

		page := get[api.Page[api.Client]](reader, "/v1/clients")
		if page.Total != 2 || len(page.Items) != 2 || page.Next != "" {
			t.Fatalf("%+v", page)
		}
		d := get[api.ClientDetail](reader, "/v1/clients/here")
		if d.Since == nil || d.Address != here.Conn().LocalAddr().String() {
			t.Errorf("%+v", d)
		}
		if d.Received == nil || d.Sent == nil || d.Received.Messages != 1 || d.Sent.Messages != 0 {
			t.Errorf("received %+v, sent %+v", d.Received, d.Sent)
		}
		// CONNECT, SUBSCRIBE and PUBLISH; CONNACK, SUBACK and PUBACK.
		if in, out := d.Received.Bytes, d.Sent.Bytes; in < 80 || in > 120 || out < 20 || out > 60 {
			t.Errorf("%d bytes received, %d sent", in, out)
		}
		here.SendPublish(text("a/x", "to itself", 0))
		here.Take("a/x", "to itself")
		if d := get[api.ClientDetail](reader, "/v1/clients/here"); d.Received.Messages != 2 || d.Sent.Messages != 1 {
			t.Errorf("received %+v, sent %+v", d.Received, d.Sent)
		}
		d.Since, d.Address, d.Received, d.Sent = nil, "", nil, nil
		want := api.ClientDetail{
			Client:           api.Client{ID: "here", Connected: true, Protocol: "5.0", Listener: "mqtt", Subscriptions: 2},
			KeepAliveSeconds: 30, SessionExpirySeconds: 60, CleanStart: true, ReceiveMaximum: 7, MaximumPacketSize: 5000,
			Will:             &api.Will{Topic: "gone", QoS: 1, Retain: true, DelaySeconds: 5},
			SubscriptionList: []api.Subscription{{Filter: "$share/g/b", QoS: 2}, {Filter: "a/+", QoS: 1}},
		}
		if diff := cmp.Diff(want, d); diff != "" {
			t.Error(diff)
		}
		d = get[api.ClientDetail](reader, "/v1/clients/away%2F1")
		if d.Connected || d.Received != nil || d.Sent != nil || d.Queued != 1 || d.QueuedBytes != 6 || d.ExpiresAt == nil || d.Since == nil || d.SessionExpirySeconds != 3600 {
			t.Errorf("%+v", d)
		}

		reader.want("DELETE", "/v1/clients/here", 403, "needs the role Write")
		writer.want("DELETE", "/v1/clients/nobody", 404, `no session of a client \"nobody\"`)
		writer.want("DELETE", "/v1/clients/away%2F1", 409, "not connected")
		writer.want("DELETE", "/v1/clients/here", 204, "")
		here.ExpectDisconnect(packet.AdministrativeAction)
		if d := get[api.ClientDetail](reader, "/v1/clients/here"); d.Connected || d.Subscriptions != 2 {
			t.Errorf("%+v", d)
		}
		writer.want("DELETE", "/v1/clients/away%2F1?session=true", 204, "")
		reader.want("GET", "/v1/clients/away%2F1", 404, "no session")
		again := b.connect("away/1", false, packet.V5)
		writer.want("DELETE", "/v1/clients/away%2F1?session=true", 204, "")
		again.ExpectDisconnect(packet.AdministrativeAction)
		reader.want("GET", "/v1/clients/away%2F1", 404, "no session")
	}
}

// TestAdminClientFilters: each narrows the list.
func TestAdminClientFilters(t *testing.T) {
	cfg := open(t)
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann", "bob"))
	administered(t, &cfg)
	b := run(t, cfg)
	join := func(id, user string) *mqtttest.Client {
		return mqtttest.Start(t, b.addr(), packet.Connect{
			ClientID: id, Version: packet.V5, Username: user, HasUsername: user != "", Password: []byte(user), HasPassword: user != "",
			Properties: packet.ConnectProperties{SessionExpiry: 60, HasSessionExpiry: true},
		})
	}
	join("alpha", "ann")
	left := join("beta", "bob")
	left.Disconnect(packet.Disconnect{})
	third := join("gamma", "")
	_, port, _ := net.SplitHostPort(third.Conn().LocalAddr().String())
	reader := call(t, cfg, "Read")
	for query, want := range map[string]string{
		"": "alpha beta gamma", "user=ann": "alpha", "search=bo": "beta", "search=mm": "gamma", "search=:" + port: "gamma", "search=127.0": "alpha gamma",
		"connected=true": "alpha gamma", "connected=false": "beta", "listener=mqtt": "alpha gamma", "listener=none": "", "limit=1": "alpha",
		"limit=1&after=alpha": "beta", "after=beta": "gamma", "search=mm&user=ann": "", "after=zz": "", "connected=true&limit=1": "alpha",
	} {
		page := get[api.Page[api.Client]](reader, "/v1/clients?"+query)
		var ids []string
		for _, c := range page.Items {
			ids = append(ids, c.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("?%s: %q, want %q", query, got, want)
		}
		if more := strings.Contains(query, "limit=1"); more != (page.Next != "") {
			t.Errorf("?%s: next %q", query, page.Next)
		}
	}
	for query, text := range map[string]string{
		"limit=0": "from 1 to 1000", "limit=1001": "from 1 to 1000", "limit=x": "from 1 to 1000", "connected=yes": "true or false", "serch=a": "no parameter",
		"user=a&user=b": "2 times", "search=%ff": "not UTF-8", "search=%zz": "invalid URL escape", "a;b": "semicolon",
	} {
		reader.want("GET", "/v1/clients?"+query, 400, text)
	}
}

// TestAdminSubscriptions: pages, by filter.
func TestAdminSubscriptions(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	c := b.connect("c", true, packet.V5)
	c.Subscribe(filter("b", 0), filter("c/#", 1), filter("a", 2))
	reader := call(t, cfg, "Read")
	first := get[api.Page[api.Subscription]](reader, "/v1/clients/c/subscriptions?limit=2")
	if want := (api.Page[api.Subscription]{Items: []api.Subscription{{Filter: "a", QoS: 2}, {Filter: "b"}}, Next: "b", Total: 3}); !cmp.Equal(first, want) {
		t.Error(cmp.Diff(want, first))
	}
	second := get[api.Page[api.Subscription]](reader, "/v1/clients/c/subscriptions?limit=2&after="+first.Next)
	if want := (api.Page[api.Subscription]{Items: []api.Subscription{{Filter: "c/#", QoS: 1}}, Total: 3}); !cmp.Equal(second, want) {
		t.Error(cmp.Diff(want, second))
	}
	reader.want("GET", "/v1/clients/x/subscriptions", 404, "no session")
}

// TestAdminRetained: topics as strange as they may be are found, shown and cleared.
func TestAdminRetained(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		cfg := open(t)
		cfg.Store.Dir = dir
		administered(t, &cfg)
		b := run(t, cfg)
		c := b.connect("c", true, packet.V5)
		strange := []string{"/", "//a", "a b/c", "a%2Fb", "a/../b", "x?y=z&u", "köln/温度/\U0001F986", "plain/one", "./dot", "a/b/", "q\"uote\\"}
		for _, topic := range strange {
			c.Retain(topic, "of "+topic)
		}
		reader, writer := call(t, cfg, "Read"), call(t, cfg, "Write")
		var listed []string
		for after := ""; ; {
			page := get[api.Page[api.Retained]](reader, "/v1/retained?limit=4&after="+url.QueryEscape(after))
			for _, r := range page.Items {
				listed = append(listed, r.Topic)
				if r.Payload != nil || r.Size != len("of ")+len(r.Topic) {
					t.Errorf("%+v", r)
				}
			}
			if after = page.Next; after == "" {
				break
			}
		}
		slices.Sort(listed)
		slices.Sort(strange)
		if diff := cmp.Diff(strange, listed); diff != "" {
			t.Error(diff)
		}
		for _, topic := range strange {
			path := "/v1/retained/" + strings.ReplaceAll(url.PathEscape(topic), ".", "%2E")
			if r := get[api.Retained](reader, path); r.Topic != topic || string(r.Payload) != "of "+topic || r.QoS != 1 {
				t.Errorf("%s: %+v", path, r)
			}
			reader.want("DELETE", path, 403, "needs the role")
			writer.want("DELETE", path, 204, "")
			writer.want("DELETE", path, 404, "no retained message")
			reader.want("GET", path, 404, "no retained message")
		}
		reader.want("GET", "/v1/retained/plain/one", 404, "no retained message") // slashes as they are
		writer.want("DELETE", "/v1/retained//a", 400, "%2F")
		writer.want("DELETE", "/v1/retained/a/../b", 400, "%2F")
		reader.want("GET", "/v1/retained/%2B", 400, "not valid")
		reader.want("GET", "/v1/retained?filter=a%23", 400, "filter")
		if page := get[api.Page[api.Retained]](reader, "/v1/retained"); len(page.Items) != 0 {
			t.Errorf("%+v", page)
		}
	}
}

// TestAdminRetainedProperties: what MQTT 5 adds to a message.
func TestAdminRetainedProperties(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	c := b.connect("c", true, packet.V5)
	properties := []byte{3, 0, 1, 't', 8, 0, 1, 'r', 9, 0, 1, 'c', 38, 0, 1, 'n', 0, 1, 'v'}
	c.Publish(packet.Publish{Topic: []byte("p"), Payload: []byte{0, 255}, QoS: 1, Retain: true, Expiry: 100, HasExpiry: true, Forward: properties})
	r := get[api.Retained](call(t, cfg, "Read"), "/v1/retained/p")
	if r.ExpiresAt == nil || time.Until(*r.ExpiresAt) < 90*time.Second {
		t.Errorf("expires at %v", r.ExpiresAt)
	}
	r.ExpiresAt = nil
	want := api.Retained{
		Topic: "p", QoS: 1, Size: 2, Payload: []byte{0, 255}, ContentType: "t", ResponseTopic: "r", CorrelationData: []byte("c"),
		UserProperties: []api.UserProperty{{Name: "n", Value: "v"}},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

// TestAdminTopics: what is retained is there at once, what is published from the first look on.
func TestAdminTopics(t *testing.T) {
	cfg := open(t)
	administered(t, &cfg)
	b := run(t, cfg)
	c := b.connect("c", true, packet.V5)
	c.Retain("plant/1/temp", "1")
	c.Retain("plant/2", "1")
	c.Retain("/lead", "1")
	c.Say("unseen", "x", 0)
	reader := call(t, cfg, "Read")
	level := func(query string) string {
		t.Helper()
		var lines []string
		for _, n := range get[api.Page[api.TopicNode]](reader, "/v1/topics"+query).Items {
			lines = append(lines, fmt.Sprintf("%q %q children=%d retained=%v messages=%d", n.Level, n.Topic, n.Children, n.Retained, n.Messages))
			if (n.Last != nil) != (n.Messages > 0) {
				t.Errorf("%+v", n)
			}
		}
		return strings.Join(lines, "\n")
	}
	want := func(query, want string) {
		t.Helper()
		if got := level(query); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", query, got, want)
		}
	}
	want("", `"" "" children=1 retained=false messages=0`+"\n"+`"plant" "plant" children=2 retained=false messages=0`)
	for range 3 {
		c.Say("plant/1/temp", "x", 0)
	}
	c.Say("new", "x", 0)
	want("", `"" "" children=1 retained=false messages=0`+"\n"+`"new" "new" children=0 retained=false messages=1`+"\n"+
		`"plant" "plant" children=2 retained=false messages=3`)
	want("?under=plant", `"1" "plant/1" children=1 retained=false messages=3`+"\n"+`"2" "plant/2" children=0 retained=true messages=0`)
	want("?under=", `"lead" "/lead" children=0 retained=true messages=0`)
	want("?under=plant/1/temp", "")
	reader.want("GET", "/v1/topics?under=a/%23", 400, "under")
	reader.want("GET", "/v1/topics?after=x", 400, "cursor")
	var all []string
	for after := ""; ; {
		page := get[api.Page[api.TopicNode]](reader, "/v1/topics?limit=1&after="+url.QueryEscape(after))
		for _, n := range page.Items {
			all = append(all, n.Level)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"", "new", "plant"}, all); diff != "" {
		t.Error(diff)
	}
}
