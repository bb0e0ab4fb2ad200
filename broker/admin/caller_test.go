package admin

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// calls remembers what it is told.
type calls struct {
	mu  sync.Mutex
	all []Call
}

// AdminCall implements Audit.
func (c *calls) AdminCall(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, call)
}

// people are users whose passwords are their names.
type people map[string][]string

// SignIn implements SignIn.
func (p people) SignIn(_ context.Context, user, password string, _ netip.Prefix) ([]string, error) {
	groups, known := p[user]
	switch {
	case user == "banned":
		return nil, fmt.Errorf("%w came from this address", ErrHeldBack)
	case user == "busy":
		return nil, fmt.Errorf("%w: later", ErrUnavailable)
	case !known || password != user:
		return nil, ErrCredentials
	}
	return groups, nil
}

// ask calls handler, with the header Authorization unless it is empty, from an address of its own.
func ask(handler http.Handler, method, target, authorization string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, fn := range change {
		fn(r)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

// from has a request come from an address.
func from(address string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = address }
}

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

// newAPI is an API with the tokens reader and writer, the groups see and do, and an audit log.
func newAPI(t *testing.T, d Deps) (http.Handler, *calls) {
	audit := new(calls)
	d.Audit = audit
	cfg := config.Admin{AdminUsers: config.AdminUsers{ReadGroup: "see", WriteGroup: "do"}}
	signIn := people{"viewer": {"see"}, "boss": {"see", "do"}, "worker": nil}
	return newEndpoints(d, newCallers(cfg, testTokens(t), signIn), time.Minute).handler(), audit
}

// TestWhoMayCall: each way to say who one is, each way to be nobody, and what is written of it.
func TestWhoMayCall(t *testing.T) {
	api, audit := newAPI(t, deps())
	for i, test := range []struct {
		name, method, path, authorization string
		change                            func(*http.Request)
		status                            int
		text                              string
		caller                            Caller
	}{
		{"nobody", "GET", "/v1/status", "", nil, 401, "say who you are", Caller{}},
		{"nobody where there is nothing", "GET", "/v1/x", "", nil, 401, "say who you are", Caller{}},
		{"a token", "GET", "/v1/me", "Bearer reader", nil, 200, `{"name":"reader","role":"Read"}`, Caller{"reader", Read}},
		{"in small letters", "GET", "/v1/me", "bearer writer", nil, 200, `{"name":"writer","role":"Write"}`, Caller{"writer", Write}},
		{"another token", "GET", "/v1/me", "Bearer Reader", nil, 401, "credentials are wrong", Caller{}},
		{"no token", "GET", "/v1/me", "Bearer ", nil, 401, "credentials are wrong", Caller{}},
		{"the token's hash", "GET", "/v1/me", fmt.Sprintf("Bearer %x", sha256.Sum256([]byte("reader"))), nil, 401, "credentials are wrong", Caller{}},
		{"another scheme", "GET", "/v1/me", "Digest reader", nil, 401, "credentials are wrong", Caller{}},
		{"a token too little", "POST", "/v1/restore", "Bearer reader", nil, 403, "needs the role Write, and reader has Read", Caller{"reader", Read}},
		{"a backup has all secrets", "GET", "/v1/backup", "Bearer reader", nil, 403, "needs the role Write", Caller{"reader", Read}},
		{"nothing there", "GET", "/v1/x", "Bearer reader", nil, 404, "no such endpoint", Caller{"reader", Read}},
		{"another method", "PUT", "/v1/me", "Bearer writer", nil, 405, "called by GET", Caller{"writer", Write}},
		{"a user who sees", "GET", "/v1/me", "", basic("viewer", "viewer"), 200, `"role":"Read"`, Caller{"viewer", Read}},
		{"a user who does", "GET", "/v1/me", "", basic("boss", "boss"), 200, `"role":"Write"`, Caller{"boss", Write}},
		{"a user who does neither", "GET", "/v1/me", "", basic("worker", "worker"), 403, "none of the groups", Caller{}},
		{"a wrong password", "GET", "/v1/me", "", basic("boss", "viewer"), 401, "credentials are wrong", Caller{}},
		{"a banned address", "GET", "/v1/me", "", basic("banned", ""), 429, "too many wrong passwords", Caller{}},
		{"no worker is free", "GET", "/v1/me", "", basic("busy", ""), 503, "later", Caller{}},
	} {
		change := []func(*http.Request){from(fmt.Sprintf("192.0.2.%d:1000", i+1))}
		if test.change != nil {
			change = append(change, test.change)
		}
		w := ask(api, test.method, test.path+"?x=1", test.authorization, change...)
		if test.status == http.StatusOK {
			w = ask(api, test.method, test.path, test.authorization, change...)
		}
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.text) {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge == `Bearer realm="dunlin"`) != (w.Code == http.StatusUnauthorized) {
			t.Errorf("%s: WWW-Authenticate: %q", test.name, challenge)
		}
		told := audit.all[len(audit.all)-1]
		if told.Took <= 0 {
			t.Errorf("%s: took %v", test.name, told.Took)
		}
		told.Took, told.Query = 0, ""
		want := Call{Caller: test.caller, Peer: fmt.Sprintf("192.0.2.%d:1000", i+1), Method: test.method, Path: test.path, Status: test.status}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("%s: audit: %s", test.name, diff)
		}
	}
}

// TestWithoutGroups: users may not call unless the configuration names groups.
func TestWithoutGroups(t *testing.T) {
	api := newEndpoints(deps(), newCallers(config.Admin{}, nil, people{"boss": {""}}), time.Minute).handler()
	if w := ask(api, "GET", "/v1/me", "", basic("boss", "boss")); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(api, "GET", "/v1/me", "Bearer writer"); w.Code != http.StatusUnauthorized {
		t.Errorf("without tokens: %d %s", w.Code, w.Body)
	}
}

// TestGuessing: an address that guesses is not heard for a while, but for a token that is good.
func TestGuessing(t *testing.T) {
	api, _ := newAPI(t, deps())
	for range maxFailures {
		if w := ask(api, "GET", "/v1/me", "Bearer guess"); w.Code != http.StatusUnauthorized {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := ask(api, "GET", "/v1/me", "", basic("boss", "boss"))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "60" {
		t.Errorf("%d %s %q", w.Code, w.Body, w.Header().Get("Retry-After"))
	}
	if w := ask(api, "GET", "/v1/me", "", basic("boss", "boss"), from("198.51.100.1:1")); w.Code != http.StatusOK {
		t.Errorf("from elsewhere: %d %s", w.Code, w.Body)
	}
	if w := ask(api, "GET", "/v1/me", "Bearer reader"); w.Code != http.StatusOK {
		t.Errorf("with a token: %d %s", w.Code, w.Body)
	}
}

// TestCallsTooOften: a caller has so many calls a second, wherever it calls from; another has its own.
func TestCallsTooOften(t *testing.T) {
	api, _ := newAPI(t, deps())
	refused := -1
	for i := range 3 * callsPerSecond {
		w := ask(api, "GET", "/v1/me", "Bearer reader", from(fmt.Sprintf("192.0.2.%d:1", i%250)))
		if w.Code == http.StatusTooManyRequests {
			if refused = i; w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "too often") {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
			break
		}
	}
	if refused < callsPerSecond {
		t.Errorf("refused after %d", refused)
	}
	if w := ask(api, "GET", "/v1/me", "Bearer writer"); w.Code != http.StatusOK {
		t.Errorf("another: %d %s", w.Code, w.Body)
	}
}

// TestTokensFile: what can be in it, and that one that cannot be used leaves the former tokens.
func TestTokensFile(t *testing.T) {
	sum := strings.Repeat("0f", 32)
	for _, test := range []struct{ content, want string }{
		{"# comment\n\n a:Read:" + sum + " \r\nb.c-d_e:Write:" + strings.ToUpper(sum), ""},
		{"", ""},
		{"a:Read", "f:1: line has 2 parts"},
		{"\na:read:" + sum, "f:2: role must be Read or Write"},
		{"a b:Read:" + sum, "f:1: name must be"},
		{":Read:" + sum, "f:1: name must be"},
		{strings.Repeat("a", 65) + ":Read:" + sum, "f:1: name must be"},
		{"a:Read:" + sum[1:], "64 hexadecimal digits"},
		{"a:Read:" + sum + "00", "64 hexadecimal digits"},
		{"a:Read:secret" + sum[6:], "64 hexadecimal digits"},
		{strings.Repeat("a:Read:"+sum+"\n", maxTokens+1), "f:1001: there are more than 1000 tokens"},
		{strings.Repeat("x", 1<<17), "read f: "},
	} {
		_, err := parseTokens([]byte(test.content), "f")
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%.60q: %v, want %s", test.content, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the line is quoted: %v", err)
		}
	}
}

func TestTokensReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	put := func(tokens ...string) {
		t.Helper()
		content := ""
		for _, token := range tokens {
			content += fmt.Sprintf("%s:Read:%x\n", token, sha256.Sum256([]byte(token)))
		}
		if len(tokens) == 1 && tokens[0] == "broken" {
			content = "broken"
		}
		if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	log := new(strings.Builder)
	tokens := openTokens(file, slog.New(slog.NewTextHandler(log, nil)))
	if _, ok := tokens.find("a"); ok || !strings.Contains(log.String(), "cannot be loaded") {
		t.Errorf("without a file: %v %s", ok, log)
	}
	want := func(step string, good ...string) {
		t.Helper()
		tokens.reload()
		for _, token := range []string{"a", "b", "broken", ""} {
			who, ok := tokens.find(token)
			if ok != slices.Contains(good, token) || ok && who != (Caller{token, Read}) {
				t.Errorf("%s: %q: %v %v", step, token, who, ok)
			}
		}
	}
	put("a", "b")
	want("there now", "a", "b")
	put("broken")
	want("broken", "a", "b")
	want("broken still", "a", "b")
	if n := strings.Count(log.String(), "cannot be loaded"); n != 2 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	want("gone", "a", "b")
	put("b")
	want("another", "b")
}

// TestHostileCalls: what no client of ours sends is refused in JSON, with every header that an answer has.
func TestHostileCalls(t *testing.T) {
	api, audit := newAPI(t, deps())
	cross := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }
	for _, test := range []struct {
		name, method, target string
		change               func(*http.Request)
		status               int
		text                 string
	}{
		{"an unknown parameter", "GET", "/v1/status?x=1", nil, 400, "there is no parameter"},
		{"a bad escape", "GET", "/v1/status?x=%zz", nil, 400, "invalid URL escape"},
		{"a semicolon", "GET", "/v1/status?a=1;b=2", nil, 400, "semicolon"},
		{"empty levels", "GET", "/v1//status", nil, 400, "empty levels"},
		{"dots", "GET", "/v1/x/../status", nil, 400, "empty levels"},
		{"a long name", "GET", "/v1/status?" + strings.Repeat("x", 100_000) + "=1", nil, 400, "there is no parameter"},
		{"a long path", "GET", "/v1/" + strings.Repeat("x", 100_000), nil, 404, "no such endpoint"},
		{"a page of another origin", "POST", "/v1/restore", cross, 403, "another origin"},
		{"outside of the API", "GET", "/favicon.ico", nil, 404, "nothing here"},
	} {
		w := ask(api, test.method, test.target, "Bearer writer", func(r *http.Request) {
			if test.change != nil {
				test.change(r)
			}
		})
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.text) || w.Header().Get("Content-Type") != "application/json" || w.Body.Len() > 2000 {
			t.Errorf("%s: %d %s %.300s", test.name, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Set-Cookie": "", "Access-Control-Allow-Origin": "",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s: %q", test.name, header, got)
			}
		}
	}
	for _, told := range audit.all {
		if len(told.Path)+len(told.Query) > 3000 {
			t.Errorf("%d bytes of path and query are written", len(told.Path)+len(told.Query))
		}
	}
}

// TestLargeRequests: headers and queries have a bound, below that of what is read of them.
func TestLargeRequests(t *testing.T) {
	certFile, keyFile := writePair(t)
	d := deps()
	caller, pin := client(t, certFile, 0)
	_, address := startWith(t, config.Admin{
		HealthAddress: "127.0.0.1:0", Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{pin},
	}, d)
	resp, err := caller.Get("https://" + address + "/v1/status?x=" + strings.Repeat("x", 1<<20))
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("1 MB of query: %s", resp.Status)
		}
	}
	resp, err = caller.Post("https://"+address+"/v1/status", "", io.LimitReader(endless{}, 64<<20))
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("64 MB of body: %s", resp.Status)
		}
	}
	resp, err = caller.Get("https://" + address + "/v1/status")
	if status, body := answer(t, resp, err); status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, body)
	}
}

type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestConsole: what is not of the API is the console's, and asks nobody who he is.
func TestConsole(t *testing.T) {
	d := deps()
	d.Console = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "console "+r.URL.Path) })
	api, audit := newAPI(t, d)
	for path, want := range map[string]string{"/": "console /", "/assets/x.js": "console /assets/x.js", "/v1/me": `{"error":`, "/metrics": "console /metrics"} {
		if w := ask(api, "GET", path, ""); !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if len(audit.all) != 1 {
		t.Errorf("%d calls are in the audit log", len(audit.all))
	}
}

// TestAuditLog: where there is no other, it is lines of the log.
func TestAuditLog(t *testing.T) {
	d, log := deps(), new(strings.Builder)
	d.Log = slog.New(slog.NewTextHandler(log, nil))
	api := newEndpoints(d, newCallers(config.Admin{}, testTokens(t), nil), time.Minute).handler()
	ask(api, "GET", "/v1/me", "Bearer reader", from("192.0.2.1:5"))
	want := `msg="admin call" audit=true caller=reader role=Read peer=192.0.2.1:5 method=GET path=/v1/me query="" status=200 took=`
	if !strings.Contains(log.String(), want) {
		t.Errorf("%s, want %s", log, want)
	}
	if strings.Contains(log.String(), "Bearer") {
		t.Error("the token is in the log")
	}
}
