package server_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

const plantRules = `acls:
- name: plant/sensors
  subjects: [{kind: User, name: ann}]
  rules:
  - {actions: [Publish, Subscribe], topics: ["sensors/${username}/#"]}
  - {actions: [Subscribe], topics: ["news/#"]}
  - {actions: [Publish], topics: ["never"]}
- name: plant/stop
  priority: 10
  subjects: [{kind: Everyone}, {kind: ClientID, name: c1}]
  rules:
  - {effect: Deny, actions: [Publish, Subscribe], topics: ["news/secret"]}
`

// plant is a broker with users ann and bob, and rules.
func plant(t *testing.T) (config.Config, *broker) {
	cfg := open(t)
	cfg.Authentication.AllowAnonymous = false
	cfg.Authorization.DefaultPolicy = config.PolicyDeny
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann", "bob"))
	cfg.AuthFiles.ACLFile = write(t, t.TempDir(), "acl.yaml", plantRules)
	administered(t, &cfg)
	return cfg, run(t, cfg)
}

// known is a client of a user whose password is the user name.
func known(user, id string) packet.Connect {
	p := as(user, user, packet.V5)
	p.ClientID = id
	return p
}

// TestAdminAccess: what the rules say of who may do what, and which of them does.
func TestAdminAccess(t *testing.T) {
	cfg, _ := plant(t)
	reader := call(t, cfg, "Read")
	for _, test := range []struct {
		query   string
		allowed bool
		rule    string
		reason  string
	}{
		{"user=ann&action=Publish&topic=sensors/ann/1", true, "plant/sensors rule 1", "plant/sensors rule 1 allows it"},
		{"user=ann&action=Publish&topic=sensors/bob/1", false, "", "no rule allows it, and the default policy is Deny"},
		{"user=ann&action=Subscribe&topic=news/secret", false, "plant/stop rule 1", "plant/stop rule 1 denies it"},
		{"user=ann&action=Subscribe&topic=news/%23", true, "plant/sensors rule 2", "another rule denies a part"},
		{"user=ann&action=Subscribe&topic=$share/g/news/a", true, "plant/sensors rule 2", "allows it"},
		{"user=ann&action=Publish&topic=$SYS/x", false, "", "the broker's own"},
		{"user=ann&action=Publish&topic=$x", false, "", "topics that begin with $ need one"},
		{"user=nobody&action=Publish&topic=a", false, "", `no user \"nobody\"`},
		{"action=Publish&topic=a", false, "", "anonymous clients are not allowed"},
	} {
		d := get[api.Decision](reader, "/v1/access?"+test.query)
		name := ""
		if d.Rule != nil {
			name = d.Rule.Name
		}
		if d.Allowed != test.allowed || name != test.rule || !strings.Contains(d.Reason, strings.ReplaceAll(test.reason, `\"`, `"`)) {
			t.Errorf("%s: %+v", test.query, d)
		}
	}
	d := get[api.Decision](reader, "/v1/access?user=ann&clientId=c1&action=Subscribe&topic=news/a")
	var names []string
	for _, r := range d.Considered {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"plant/stop rule 1", "plant/sensors rule 1", "plant/sensors rule 2"}, names); diff != "" {
		t.Error(diff)
	}
	for query, text := range map[string]string{
		"user=ann&topic=a": "action is needed", "user=ann&action=Publish": "topic is needed", "action=publish&topic=a": "Publish or Subscribe",
		"action=Publish&topic=a/%23": "topic", "action=Subscribe&topic=a%23": "topic", "action=Publish&topic=": "topic", "action=Subscribe&topic=$share/x": "topic",
	} {
		reader.want("GET", "/v1/access?"+query, 400, text)
	}
}

// TestAdminRules: all of them by priority, and which have decided something.
func TestAdminRules(t *testing.T) {
	cfg, b := plant(t)
	c := mqtttest.Start(t, b.addr(), known("ann", "c"))
	c.Say("sensors/ann/1", "x", 1)
	c.Subscribe(filter("news/a", 0))
	reader := call(t, cfg, "Read")
	if d := get[api.Decision](reader, "/v1/access?user=ann&action=Publish&topic=sensors/ann/2"); d.Rule == nil || d.Rule.Used == nil {
		t.Errorf("%+v", d)
	}
	page := get[api.Page[api.Rule]](reader, "/v1/access/rules")
	used := make(map[string]bool)
	for i := range page.Items {
		used[page.Items[i].Name] = page.Items[i].Used != nil
		page.Items[i].Used = nil
	}
	both := []string{"Publish", "Subscribe"}
	want := api.Page[api.Rule]{Total: 4, Items: []api.Rule{
		{Name: "plant/stop rule 1", Effect: "Deny", Subjects: []string{"Everyone", "ClientID c1"}, Actions: both, Topics: []string{"news/secret"}, Priority: 10},
		{Name: "plant/sensors rule 1", Effect: "Allow", Subjects: []string{"User ann"}, Actions: both, Topics: []string{"sensors/${username}/#"}},
		{Name: "plant/sensors rule 2", Effect: "Allow", Subjects: []string{"User ann"}, Actions: both[1:], Topics: []string{"news/#"}},
		{Name: "plant/sensors rule 3", Effect: "Allow", Subjects: []string{"User ann"}, Actions: both[:1], Topics: []string{"never"}},
	}}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Error(diff)
	}
	wantUsed := map[string]bool{"plant/stop rule 1": false, "plant/sensors rule 1": true, "plant/sensors rule 2": true, "plant/sensors rule 3": false}
	if diff := cmp.Diff(wantUsed, used); diff != "" {
		t.Error(diff)
	}
	one := get[api.Page[api.Rule]](reader, "/v1/access/rules?limit=3")
	if rest := get[api.Page[api.Rule]](reader, "/v1/access/rules?after="+one.Next); len(one.Items) != 3 || len(rest.Items) != 1 || rest.Next != "" {
		t.Errorf("%+v %+v", one, rest)
	}
	reader.want("GET", "/v1/access/rules?after=x", 400, "cursor")
	reader.want("GET", "/v1/access/rules?after=-1", 400, "cursor")
	if page := get[api.Page[api.Rule]](reader, "/v1/access/rules?after=99"); len(page.Items) != 0 {
		t.Errorf("%+v", page)
	}
}

// TestAdminDenials: who was refused what, and why, the newest first.
func TestAdminDenials(t *testing.T) {
	cfg, b := plant(t)
	wrong := mqtttest.Dial(t, b.addr())
	hello := known("ann", "wrong")
	hello.Password = []byte("no")
	wrong.Connect(hello)
	c := mqtttest.Start(t, b.addr(), known("ann", "c"))
	for range 3 {
		c.Publish(text("news/secret", "x", 1))
	}
	c.Publish(text("other", "x", 0))
	c.Subscribe(filter("$share/g/all/#", 0))
	reader := call(t, cfg, "Read")
	page := get[api.Page[api.Denial]](reader, "/v1/access/denials")
	want := []api.Denial{
		{Client: "c", User: "ann", Action: "Subscribe", Topic: "$share/g/all/#", Reason: "no rule allows it, and the default policy is Deny", Count: 1},
		{Client: "c", User: "ann", Action: "Publish", Topic: "other", Reason: "no rule allows it, and the default policy is Deny", Count: 1},
		{Client: "c", User: "ann", Action: "Publish", Topic: "news/secret", Reason: "plant/stop rule 1 denies it", Count: 3},
		{Client: "wrong", User: "ann", Action: "Connect", Reason: "Bad User Name or Password: the password is wrong", Count: 1},
	}
	if diff := cmp.Diff(want, page.Items, cmpopts.IgnoreFields(api.Denial{}, "Time", "Peer")); diff != "" || page.Total != 4 {
		t.Error(page.Total, diff)
	}
	if d := page.Items[0]; d.Peer != c.Conn().LocalAddr().String() || d.Time.IsZero() {
		t.Errorf("%+v", d)
	}
	first := get[api.Page[api.Denial]](reader, "/v1/access/denials?limit=3")
	if rest := get[api.Page[api.Denial]](reader, "/v1/access/denials?after="+first.Next); len(rest.Items) != 1 || rest.Items[0].Client != "wrong" {
		t.Errorf("%+v", rest)
	}
	reader.want("GET", "/v1/access/denials?after=x", 400, "cursor")
	o := get[api.Overview](reader, "/v1/overview")
	if o.Denied != 5 || o.FailedAuthentications != 1 {
		t.Errorf("denied %d, failed %d", o.Denied, o.FailedAuthentications)
	}
}

// TestAdminUsers: by name, with how many connections each has.
func TestAdminUsers(t *testing.T) {
	cfg, b := plant(t)
	mqtttest.Start(t, b.addr(), known("ann", "c1"))
	mqtttest.Start(t, b.addr(), known("ann", "c2"))
	reader := call(t, cfg, "Read")
	want := api.Page[api.User]{Total: 2, Items: []api.User{{Name: "ann", Connections: 2}, {Name: "bob"}}}
	if diff := cmp.Diff(want, get[api.Page[api.User]](reader, "/v1/users")); diff != "" {
		t.Error(diff)
	}
	if page := get[api.Page[api.User]](reader, "/v1/users?limit=1"); page.Next != "ann" || len(page.Items) != 1 {
		t.Errorf("%+v", page)
	}
	if page := get[api.Page[api.User]](reader, "/v1/users?search=o&after=ann"); page.Total != 1 || page.Items[0].Name != "bob" {
		t.Errorf("%+v", page)
	}
}

// TestAdminSignIn: users of the groups by name and password, as MQTT lets them in; the others not, and guessing is held back.
func TestAdminSignIn(t *testing.T) {
	cfg := open(t)
	cfg.AuthFiles.BundleDir = grouped(t, map[string][]string{"viewer": {"see"}, "boss": {"see", "do"}, "worker": {"else"}})
	administered(t, &cfg)
	cfg.Admin.ReadGroup, cfg.Admin.WriteGroup = "see", "do"
	run(t, cfg)
	c := call(t, cfg, "")
	c.token = ""
	try := func(user, password, method, path string) int {
		t.Helper()
		req, err := http.NewRequest(method, c.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(user, password)
		resp, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") != `Bearer realm="dunlin"` {
			t.Errorf("WWW-Authenticate: %q", resp.Header.Get("WWW-Authenticate"))
		}
		return resp.StatusCode
	}
	for _, test := range []struct {
		user, password, method, path string
		want                         int
	}{
		{"viewer", "viewer", "GET", "/v1/me", 200},
		{"viewer", "viewer", "GET", "/v1/backup", 403},
		{"viewer", "viewer", "DELETE", "/v1/clients/x", 403},
		{"boss", "boss", "DELETE", "/v1/clients/x", 404},
		{"worker", "worker", "GET", "/v1/me", 403},
		{"viewer", "boss", "GET", "/v1/me", 401},
		{"nobody", "x", "GET", "/v1/me", 401},
		{"", "", "GET", "/v1/me", 401},
	} {
		if got := try(test.user, test.password, test.method, test.path); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
	for range 7 {
		try("boss", "guess", "GET", "/v1/me")
	}
	if got := try("boss", "boss", "GET", "/v1/me"); got != http.StatusTooManyRequests {
		t.Errorf("after 10 wrong passwords: %d", got)
	}
	if o := get[api.Overview](call(t, cfg, "Read"), "/v1/overview"); o.FailedAuthentications != 10 {
		t.Errorf("%d wrong passwords are counted", o.FailedAuthentications) // those of clients count with them
	}
	call(t, cfg, "Read").want("GET", "/v1/me", 200, fmt.Sprintf(`"role":%q`, "Read")) // a token is let in all the same
}

// grouped is a bundle of users and their groups, whose passwords are their names.
func grouped(t *testing.T, groups map[string][]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	set := config.UserSet{}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		set.Users = append(set.Users, config.UserAttributes{Name: name, Groups: groups[name]})
	}
	users, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"passwd-00": passwords(t, slices.Sorted(maps.Keys(groups))...), "users-00.json": string(users)}
	manifest := config.Manifest{Revision: "r1", Files: map[string]string{}}
	for name, content := range files {
		write(t, dir, name, content)
		manifest.Files[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	}
	whole, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "manifest.json", string(whole))
	return dir
}

// TestAdminProblems: what goes wrong is said in words, from the first time on.
func TestAdminProblems(t *testing.T) {
	cfg := open(t)
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann"))
	cfg.MQTT.MaxQueuedMessages = 1
	cfg.Limits.MaxConnections = 5
	administered(t, &cfg)
	b := run(t, cfg)
	reader := call(t, cfg, "Read")
	reasons := func() (found []string) {
		for _, p := range get[api.Overview](reader, "/v1/overview").Problems {
			found = append(found, p.Severity+" "+p.Reason)
		}
		return found
	}
	if got := reasons(); got != nil {
		t.Errorf("at first: %q", got)
	}
	for range 10 {
		wrong := mqtttest.Dial(t, b.addr())
		wrong.Connect(as("ann", "wrong", packet.V5))
		wrong.ExpectEnd()
	}
	away := b.connect("away", false, packet.V5)
	away.Subscribe(filter("q", 1))
	away.Disconnect(packet.Disconnect{})
	c := b.connect("c", true, packet.V5)
	for range 3 {
		c.Say("q", "x", 1)
	}
	want := []string{"Warning MessagesDropped", "Warning AuthenticationsFail"}
	if diff := cmp.Diff(want, reasons()); diff != "" {
		t.Error(diff)
	}
}
