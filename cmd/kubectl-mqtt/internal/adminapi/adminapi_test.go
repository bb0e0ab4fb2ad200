package adminapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// serve is a client of an admin API that handler plays.
func serve(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	c := NewClient(s.Listener.Addr().String(), s.Client().Transport.(*http.Transport).TLSClientConfig, nil, nil)
	t.Cleanup(c.Close)
	return c
}

func answer(t *testing.T, w http.ResponseWriter, body any) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(body); err != nil {
		t.Error(err)
	}
}

// TestQuestions: each method asks for its path, with what was asked for and nothing else.
func TestQuestions(t *testing.T) {
	ctx := context.Background()
	for want, ask := range map[string]func(*Client) error{
		"GET /v1/status":   func(c *Client) error { _, err := c.Status(ctx); return err },
		"GET /v1/overview": func(c *Client) error { _, err := c.Overview(ctx); return err },
		"GET /v1/clients?": func(c *Client) error { _, err := c.Clients(ctx, ClientQuery{}, "", 0); return err },
		"GET /v1/clients?after=a%2Fb&connected=false&limit=1000&listener=l&search=x+y&user=u": func(c *Client) error {
			_, err := c.Clients(ctx, ClientQuery{Search: "x y", User: "u", Listener: "l", Connected: new(false)}, "a/b", 5000)
			return err
		},
		"GET /v1/clients/a%2Fb%3F%25":              func(c *Client) error { _, err := c.ClientDetail(ctx, "a/b?%"); return err },
		"DELETE /v1/clients/a%20b?session=true":    func(c *Client) error { return c.Disconnect(ctx, "a b", true) },
		"GET /v1/topics?limit=10&under=a%2F%C3%BC": func(c *Client) error { _, err := c.Topics(ctx, "a/ü", "", 10); return err },
		"GET /v1/users?search=x":                   func(c *Client) error { _, err := c.Users(ctx, "x", "", 0); return err },
		"GET /v1/access/rules?":                    func(c *Client) error { _, err := c.Rules(ctx, "", 0); return err },
		"GET /v1/access/denials?limit=5":           func(c *Client) error { _, err := c.Denials(ctx, "", 5); return err },
		"GET /v1/access?action=Publish&topic=a%2F%2B&user=alice": func(c *Client) error {
			_, err := c.Access(ctx, AccessQuery{User: "alice", Action: "Publish", Topic: "a/+"})
			return err
		},
	} {
		t.Run(want, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Method + " " + r.RequestURI; got != want {
					t.Errorf("asked for %s, want %s", got, want)
				}
				answer(t, w, struct{}{})
			})
			if err := ask(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRefusals: what the broker says is the error, and a path that it does not have is said to be too new for it.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{404, `{"error":"there is no client x"}`, "ask for client x: there is no client x"},
		{404, "404 page not found\n", "ask for client x: the broker has no /v1/clients/x: its version is too old for that"},
		{429, `{"error":"too many calls"}`, "ask for client x: too many calls"},
		{500, "", "ask for client x: the broker answers 500 Internal Server Error"},
		{503, "not ready\n", "ask for client x: not ready"},
		{302, "", "ask for client x: the broker answers 302 Found"},
		{200, "{", "ask for client x: read the answer: unexpected EOF"},
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		_, err := c.ClientDetail(t.Context(), "x")
		if err == nil || err.Error() != test.want {
			t.Errorf("%d %q: %v, want %s", test.status, test.body, err, test.want)
		}
		var refused *RefusedError
		if got := errors.As(err, &refused); got != (test.status != 200) || got && refused.Status != test.status {
			t.Errorf("%d: %#v", test.status, refused)
		}
	}
}

// TestAll: a list is read to its end, an error ends it, and so does whoever has seen enough.
func TestAll(t *testing.T) {
	calls := 0
	list := func(after string) (api.Page[int], error) {
		calls++
		switch after {
		case "":
			return api.Page[int]{Items: []int{1, 2}, Next: "2"}, nil
		case "2":
			return api.Page[int]{Items: []int{3}, Next: "3"}, nil
		}
		return api.Page[int]{}, errors.New("gone")
	}
	var got []int
	var failed error
	for n, err := range All(list) {
		if failed = err; err == nil {
			got = append(got, n)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 3}, got); diff != "" || failed == nil || calls != 3 {
		t.Errorf("%s%v after %d calls", diff, failed, calls)
	}
	calls = 0
	for range All(list) {
		break
	}
	if calls != 1 {
		t.Errorf("%d calls for the first item", calls)
	}
	circle := func(string) (api.Page[int], error) { return api.Page[int]{Next: "x"}, nil }
	for range All(circle) { // a cursor that does not move ends the list
		t.Error("an item")
	}
}

func TestTrace(t *testing.T) {
	events := []api.Event{{Packet: "PUBLISH", Topic: "a"}, {Packet: "PUBACK", Missed: 3}}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "/v1/trace?client=c&payload=true&topic=%23&user=u"; r.RequestURI != want {
			t.Errorf("asked for %s, want %s", r.RequestURI, want)
		}
		for _, e := range events {
			answer(t, w, e)
			_, _ = io.WriteString(w, "\n")
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, enough := context.WithCancel(t.Context())
	var got []api.Event
	err := c.Trace(ctx, TraceQuery{Client: "c", User: "u", Topic: "#", Payload: true}, func(e api.Event) error {
		if got = append(got, e); len(got) == len(events) {
			enough()
		}
		return nil
	})
	if diff := cmp.Diff(events, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	full := errors.New("pipe closed")
	err = c.Trace(t.Context(), TraceQuery{Client: "c", User: "u", Topic: "#", Payload: true}, func(api.Event) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("an error of who is told: %v", err)
	}
}

// TestTraceBreaksOff: a broker that goes, one that talks nonsense, and one that never ends a line are errors.
func TestTraceBreaksOff(t *testing.T) {
	for body, want := range map[string]string{
		"{\"packet\":\"PINGREQ\"}\n":    "read the trace: unexpected EOF",
		"what\n":                        "read the trace: invalid character",
		strings.Repeat("x", maxEvent+1): "read the trace: bufio.Scanner: token too long",
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		err := c.Trace(t.Context(), TraceQuery{}, func(api.Event) error { return nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", body, err, want)
		}
	}
}

// TestExplained: where a connection only breaks, what the way to the broker knows is said.
func TestExplained(t *testing.T) {
	c := NewClient("127.0.0.1:1", &tls.Config{MinVersion: tls.VersionTLS13}, nil, func() error { return errors.New("the pod is gone") })
	defer c.Close()
	if _, err := c.Status(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "connection refused: the pod is gone") {
		t.Error(err)
	}
}

func TestClientTLSRefuses(t *testing.T) {
	cert, key := keypairtest.New(t, "a")
	if _, err := ClientTLS(cert, nil, cert); err == nil || !strings.Contains(err.Error(), "read the client's certificate") {
		t.Errorf("no key: %v", err)
	}
	if _, err := ClientTLS(cert, key, key); err == nil || !strings.Contains(err.Error(), "there is no certificate in it") {
		t.Errorf("no CA: %v", err)
	}
}

// TestAnswerTooLarge: an answer without an end is not read to the end of memory.
func TestAnswerTooLarge(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := fmt.Fprint(w, `{"version":"`)
		for err == nil {
			_, err = io.WriteString(w, strings.Repeat("x", 1<<20))
		}
	})
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "read the answer: unexpected EOF") {
		t.Error(err)
	}
}
