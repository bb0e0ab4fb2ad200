package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/console"
)

// start runs a gateway before an admin API that says what it is asked for, and an MQTT that is an echo.
func start(t *testing.T) *Gateway {
	t.Helper()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = echo.Close() })
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	g, err := Listen(t.Context(), "127.0.0.1:0", Options{
		Name: "Broker plant/edge",
		Admin: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Method+" "+r.URL.EscapedPath()+"?"+r.URL.RawQuery)
		}),
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", echo.Addr().String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return g
}

// ask follows no redirect.
func ask(t *testing.T, method, url string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestLinkWorksOnce(t *testing.T) {
	g := start(t)
	link := g.Link()
	if strings.Contains(link, g.secret) {
		t.Errorf("the link %s has the secret in it", link)
	}
	resp, _ := ask(t, "GET", link, nil)
	if got := "http://" + g.ln.Addr().String() + resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != g.URL() {
		t.Errorf("the first time: %s to %s, want %s", resp.Status, got, g.URL())
	}
	for _, again := range []string{link, strings.TrimSuffix(link, link[len(link)-26:]), "http://" + g.ln.Addr().String() + "/open/"} {
		if resp, _ := ask(t, "GET", again, nil); resp.StatusCode != http.StatusGone || resp.Header.Get("Location") != "" {
			t.Errorf("GET %s: %s to %q", again, resp.Status, resp.Header.Get("Location"))
		}
	}
}

func TestPassesOn(t *testing.T) {
	g := start(t)
	for _, test := range []struct{ method, path, want string }{
		{"GET", "", "GET /?"},
		{"GET", "v1/clients?search=a%26b&limit=5", "GET /v1/clients?search=a%26b&limit=5"},
		{"DELETE", "v1/retained/%2Fplant%2F%2Fa", "DELETE /v1/retained/%2Fplant%2F%2Fa?"},
	} {
		if resp, body := ask(t, test.method, g.URL()+test.path, nil); resp.StatusCode != http.StatusOK || body != test.want {
			t.Errorf("%s %s: %s, the admin API sees %q, want %q", test.method, test.path, resp.Status, body, test.want)
		}
	}
	_, body := ask(t, "GET", g.URL()+"console.json", nil)
	var served console.Served
	if err := json.Unmarshal([]byte(body), &served); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(console.Served{Name: "Broker plant/edge", WebSocket: "mqtt"}, served); diff != "" {
		t.Errorf("console.json (-want +got):\n%s", diff)
	}
}

func TestStrangers(t *testing.T) {
	g := start(t)
	root := "http://" + g.ln.Addr().String()
	for _, test := range []struct {
		name, url string
		header    map[string]string
		want      int
	}{
		{"no secret", root + "/v1/clients", nil, 404},
		{"the root", root + "/", nil, 404},
		{"a wrong secret", root + "/" + strings.Repeat("A", 26) + "/", nil, 404},
		{"a part of the secret", strings.TrimSuffix(g.URL(), g.URL()[len(g.URL())-4:]) + "/", nil, 404},
		{"a name that leads here", g.URL(), map[string]string{"Host": "evil.example:80"}, 421},
		{"this address with another port", g.URL(), map[string]string{"Host": "127.0.0.1:1"}, 421},
		{"a page of another origin", g.URL(), map[string]string{"Origin": "http://evil.example"}, 403},
		{"a page of a file", g.URL(), map[string]string{"Origin": "null"}, 403},
		{"another port of this machine", g.URL(), map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"its own page", g.URL(), map[string]string{"Origin": root}, 200},
		{"by the name localhost", g.URL(), map[string]string{"Host": "localhost" + root[strings.LastIndex(root, ":"):]}, 200},
		{"a WebSocket that is no page's", g.URL() + "mqtt", nil, 403},
	} {
		if resp, body := ask(t, "GET", test.url, test.header); resp.StatusCode != test.want || strings.Contains(body, g.secret) {
			t.Errorf("%s: %s %q, want %d", test.name, resp.Status, body, test.want)
		}
	}
}

// dial opens the WebSocket as a page would.
func dial(t *testing.T, g *Gateway) net.Conn {
	t.Helper()
	d := ws.Dialer{
		Protocols: []string{"mqtt"},
		Header:    ws.HandshakeHeaderHTTP{"Origin": []string{"http://" + g.ln.Addr().String()}},
	}
	c, _, hs, err := d.Dial(t.Context(), "ws"+strings.TrimPrefix(g.URL(), "http")+"mqtt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if hs.Protocol != "mqtt" {
		t.Errorf("the protocol is %q", hs.Protocol)
	}
	return c
}

func TestWebSocket(t *testing.T) {
	g := start(t)
	c := dial(t, g)
	sent := strings.Repeat("dunlin ", 20_000)
	go func() {
		for part := range strings.SplitSeq(sent, " ") {
			_ = wsutil.WriteClientBinary(c, []byte(part))
		}
	}()
	want := strings.ReplaceAll(sent, " ", "")
	var got strings.Builder
	for got.Len() < len(want) {
		data, op, err := wsutil.ReadServerData(c)
		if err != nil || op != ws.OpBinary {
			t.Fatalf("after %d bytes: %v, %v", got.Len(), op, err)
		}
		got.Write(data)
	}
	if got.String() != want {
		t.Error("what came back is not what was sent")
	}
	if err := ws.WriteFrame(c, ws.MaskFrame(ws.NewPingFrame([]byte("there?")))); err != nil {
		t.Fatal(err)
	}
	if op, payload := readFrame(t, c); op != ws.OpPong || payload != "there?" {
		t.Errorf("a ping is answered by %v %q", op, payload)
	}
	if err := wsutil.WriteClientText(c, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if op, payload := readFrame(t, c); op != ws.OpClose {
		t.Errorf("text is answered by %v %q", op, payload)
	}
}

// readFrame reads a control frame.
func readFrame(t *testing.T, r io.Reader) (ws.OpCode, string) {
	t.Helper()
	h, err := ws.ReadHeader(r)
	if err != nil || h.Length > ws.MaxControlFramePayloadSize {
		t.Fatalf("frame header %+v, %v", h, err)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		t.Fatal(err)
	}
	return h.OpCode, string(payload)
}

func TestTooManyWebSockets(t *testing.T) {
	g := start(t)
	for range maxSockets {
		dial(t, g)
	}
	origin := map[string]string{"Origin": "http://" + g.ln.Addr().String()}
	if resp, _ := ask(t, "GET", g.URL()+"mqtt", origin); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more: %s", resp.Status)
	}
}

// TestEnd is a gateway that stops while a WebSocket is open, which Run then waits for no longer.
func TestEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	other, end := net.Pipe()
	defer end.Close() //nolint:errcheck // a test's
	g, err := Listen(ctx, "127.0.0.1:0", Options{Dial: func(context.Context) (net.Conn, error) { return other, nil }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	c := dial(t, g)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run() = %v", err)
	}
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the WebSocket ends with %v", err)
	}
	if _, err := end.Read(make([]byte, 1)); err == nil {
		t.Error("the broker's connection is open")
	}
}
