package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const full = `
listeners:
- name: mqtt
  protocol: MQTT
  port: 1883
  host: 127.0.0.1
- name: mqtts
  port: 8883
  tls: {certFile: /tls/tls.crt, keyFile: /tls/tls.key}
authFiles:
  bundleDir: /auth
mqtt:
  maxQoS: 0
  retainAvailable: false
  maxPacketSizeBytes: 2048
store: # null: as if it was not there
`

func TestParse(t *testing.T) {
	var want Config
	want.Listeners = []Listener{
		{ListenerSettings: ListenerSettings{Name: "mqtt", Protocol: ProtocolMQTT, Port: 1883}, Host: "127.0.0.1"},
		{ListenerSettings: ListenerSettings{Name: "mqtts", Port: 8883}, TLS: &ListenerTLS{CertFile: "/tls/tls.crt", KeyFile: "/tls/tls.key"}},
	}
	want.AuthFiles.BundleDir = "/auth"
	want.MQTT = MQTT{MaxQoS: new(int32(0)), RetainAvailable: new(false), MaxPacketSizeBytes: 2048}
	got, err := Parse([]byte(full), "broker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Defaulted(), got); diff != "" {
		t.Errorf("Parse() (-want +got):\n%s", diff)
	}
	if got.Listeners[1].Protocol != ProtocolMQTTS || got.Listeners[1].TLS.MinVersion != TLS12 || *got.MQTT.MaxQoS != 0 {
		t.Errorf("Parse() = %+v, %v", got.Listeners[1], *got.MQTT.MaxQoS)
	}
}

func TestParseJSON(t *testing.T) {
	want, err := Parse([]byte(full), "broker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, indent := range []string{"", " ", "\t"} {
		text, err := json.MarshalIndent(want, indent, indent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(bytes.ReplaceAll(text, []byte(": "), []byte(":"+indent)), "broker.json")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("indented with %q: %v (-want +got):\n%s", indent, err, diff)
		}
	}
}

func TestParseNothingIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}", "null"} {
		got, err := Parse([]byte(text), "broker.yaml")
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
		}
		if diff := cmp.Diff(Config{}.Defaulted(), got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", text, diff)
		}
	}
	want := []Listener{{ListenerSettings: ListenerSettings{Name: "default", Protocol: ProtocolMQTT, Port: 1883}, Host: "127.0.0.1"}}
	if diff := cmp.Diff(want, Config{}.Defaulted().Listeners); diff != "" {
		t.Errorf("without a listener (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown field, near one", "mqtt:\n  maxPacketSize: 5000\n",
			"b.yaml:2: mqtt.maxPacketSize: unknown field (did you mean maxPacketSizeBytes?)"},
		{"unknown field, wrong case", "Store: {dir: /x}\n", "b.yaml:1: Store: unknown field (did you mean store?)"},
		{"unknown field, near none", "store:\n  zebra: 1\n", "b.yaml:2: store.zebra: unknown field (known here: dir, maxBytes, sync, syncIntervalMilliseconds)"},
		{"unknown field in a list", "listeners:\n- name: a\n  protocol: MQTT\n  port: 1\n  hots: x\n",
			"b.yaml:5: listeners[0].hots: unknown field (did you mean host?)"},
		{"merge key", "mqtt:\n  <<: {maxQoS: 1}\n", "b.yaml:2: mqtt.<<: unknown field (known here: maxPacketSizeBytes, " +
			"receiveMaximum, maxInflight, topicAliasMaximum, sessionExpiryMaxSeconds, keepAliveMaxSeconds, maxQoS, retainAvailable, " +
			"wildcardSubscriptionAvailable, sharedSubscriptionAvailable, maxTopicLevels, maxTopicLengthBytes, maxFiltersPerSubscribe, maxUserProperties, maxSubscriptionsPerSession, maxQueuedMessages, maxQueuedBytes, maxQueuedBytesTotal, " +
			"queuePolicy, maxOutboundBytes, connectTimeoutSeconds, responseTopicPrefix, serverReference, validatePayloadFormat, sysTopics)"},
		{"set twice", "store:\n  dir: a\n  dir: b\n", "b.yaml:3: store.dir: is set twice, in line 2 already"},
		{"alias", "store: &s {dir: a}\nlog: *s\n",
			"b.yaml:1: store: YAML anchors and aliases are not allowed\nb.yaml:2: log: YAML anchors and aliases are not allowed"},
		{"string for a number", "mqtt: {maxInflight: many}\n", `b.yaml:1: mqtt.maxInflight: must be a whole number, not the string "many"`},
		{"fraction", "mqtt: {maxInflight: 1.5}\n", `b.yaml:1: mqtt.maxInflight: must be a whole number, not 1.5`},
		{"number for a string", "listeners:\n- {name: a, port: 1, tls: {certFile: c, keyFile: k, minVersion: 1.3}}\n",
			`b.yaml:2: listeners[0].tls.minVersion: must be a string (put it in quotes), not 1.3`},
		{"string for a bool", "authentication: {allowAnonymous: yes}\n",
			`b.yaml:1: authentication.allowAnonymous: must be true or false, not the string "yes"`},
		{"scalar for a mapping", "mqtt: 5\n", "b.yaml:1: mqtt: must be a mapping of settings, not 5"},
		{"mapping for a list", "listeners: {}\n", "b.yaml:1: listeners: must be a list, not a mapping"},
		{"list for the whole", "- a\n", "b.yaml:1: must be a mapping of settings, not a list"},
		{"out of range", "mqtt:\n  receiveMaximum: 65536\n", "b.yaml:2: mqtt.receiveMaximum: 65536 is out of range: must be from 1 to 65535"},
		{"zero, written", "mqtt:\n  receiveMaximum: 0\n", "b.yaml:2: mqtt.receiveMaximum: 0 is out of range: must be from 1 to 65535"},
		{"aliases", "mqtt:\n  topicAliasMaximum: -1\n", "b.yaml:2: mqtt.topicAliasMaximum: -1 is out of range: must be from 0 to 65535"},
		{"response topics", "mqtt: {responseTopicPrefix: a/+/b}\n", "b.yaml:1: mqtt.responseTopicPrefix: \"a/+/b\" must match ^[^\\x00-\\x1F\\x7F+#]+$"},
		{"server reference", "mqtt: {serverReference: \"a:1,  b:1\"}\n", "b.yaml:1: mqtt.serverReference: \"a:1,  b:1\" must match ^[!-~]+( [!-~]+)*$"},
		{"long server reference", "mqtt: {serverReference: " + strings.Repeat("s", 1025) + "}\n", "b.yaml:1: mqtt.serverReference: has 1025 characters, at most 1024 are allowed"},
		{"no upper bound", "mqtt:\n  maxQueuedBytes: 5\n", "b.yaml:2: mqtt.maxQueuedBytes: 5 is out of range: must be at least 1024"},
		{"behind a pointer", "mqtt:\n  maxQoS: 3\n", "b.yaml:2: mqtt.maxQoS: 3 is out of range: must be from 0 to 2"},
		{"too many bits", "mqtt:\n  receiveMaximum: 4294967297\n", "b.yaml:2: mqtt.receiveMaximum: 4294967297 is out of range: it does not fit into 32 bits"},
		{"enum", "log:\n  level: debug\n", `b.yaml:2: log.level: "debug" is not one of Debug, Info, Warn, Error`},
		{"required", "listeners:\n- protocol: MQTT\n",
			"b.yaml:2: listeners[0].name: must be set\nb.yaml:2: listeners[0].port: must be set, from 1 to 65535"},
		{"port 0", "listeners:\n- {name: a, protocol: MQTT, port: 0}\n", "b.yaml:2: listeners[0].port: 0 is out of range: must be from 1 to 65535"},
		{"name", "listeners:\n- {name: -a, protocol: MQTT, port: 1}\n- {name: a2345678901234567, protocol: MQTT, port: 2}\n",
			"b.yaml:2: listeners[0].name: \"-a\" must match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$\n" +
				"b.yaml:3: listeners[1].name: has 17 characters, at most 15 are allowed"},
		{"MQTTS without TLS", "listeners:\n- {name: a, port: 1}\n", "b.yaml:2: listeners[0].tls: must be set for protocol MQTTS (which is the default)"},
		{"TLS without its files", "listeners:\n- {name: a, port: 1, tls: {}}\n",
			"b.yaml:2: listeners[0].tls.certFile: must be set\nb.yaml:2: listeners[0].tls.keyFile: must be set"},
		{"MQTT with TLS", "listeners:\n- name: a\n  protocol: MQTT\n  port: 1\n  tls: {certFile: a, keyFile: b}\n",
			"b.yaml:5: listeners[0].tls: must not be set for protocol MQTT"},
		{"same name and port", "listeners:\n- {name: a, protocol: MQTT, port: 1, host: 10.0.0.1}\n- {name: a, protocol: MQTT, port: 1}\n",
			"b.yaml:3: listeners[1].name: \"a\" is the name of listeners[0] too\nb.yaml:3: listeners[1].port: 1 is the port of listeners[0] (a) too"},
		{"host with a port", "listeners:\n- {name: a, protocol: MQTT, port: 1, host: \"127.0.0.1:1883\"}\n",
			`b.yaml:2: listeners[0].host: "127.0.0.1:1883" must be an address or a host name, without a port`},
		{"WSS without TLS", "listeners:\n- {name: a, protocol: WSS, port: 1}\n", "b.yaml:2: listeners[0].tls: must be set for protocol WSS"},
		{"WS with TLS", "listeners:\n- {name: a, protocol: WS, port: 1, tls: {certFile: a, keyFile: b}}\n",
			"b.yaml:2: listeners[0].tls: must not be set for protocol WS"},
		{"path and origins of MQTT", "listeners:\n- {name: a, protocol: MQTT, port: 1, path: /mqtt, origins: [\"http://a\"]}\n",
			"b.yaml:2: listeners[0].path: must not be set for protocol MQTT: only WS and WSS have a path\n" +
				"b.yaml:2: listeners[0].origins: must not be set for protocol MQTT: only WS and WSS have origins"},
		{"path", "listeners:\n- {name: a, protocol: WS, port: 1, path: \"/a?b\"}\n",
			"b.yaml:2: listeners[0].path: \"/a?b\" must match ^/[!-\"$&->@-~]*$"},
		{"origins", "listeners:\n- {name: a, protocol: WS, port: 1, origins: [\"*\", \"https://a/\", \"https://b\", \"https://b\"]}\n",
			"b.yaml:2: listeners[0].origins[0]: \"*\" must match ^https?://[^/?#@]+$\n" +
				"b.yaml:2: listeners[0].origins[1]: \"https://a/\" must match ^https?://[^/?#@]+$\n" +
				"b.yaml:2: listeners[0].origins[3]: \"https://b\" is there twice"},
		{"proxies", "listeners:\n- name: a\n  protocol: MQTT\n  port: 1\n  proxyProtocol:\n    trusted:\n    - 10.0.0.0/33\n    - lb.example.com\n    - fe80::1\n",
			"b.yaml:7: listeners[0].proxyProtocol.trusted[0]: \"10.0.0.0/33\" must be a network such as 10.0.0.0/8, or an address\n" +
				"b.yaml:8: listeners[0].proxyProtocol.trusted[1]: \"lb.example.com\" must match ^[0-9a-fA-F:.]+(/[0-9]{1,3})?$"},
		{"client certificates of no CA", "listeners:\n- name: a\n  port: 1\n  tls: {certFile: c, keyFile: k, clientAuth: Require}\n",
			"b.yaml:4: listeners[0].tls.clientCAFile: must be set for clientAuth Require"},
		{"a CA of clients that are not asked", "listeners:\n- name: a\n  port: 1\n  tls: {certFile: c, keyFile: k, clientAuth: None, clientCAFile: ca}\n",
			"b.yaml:4: listeners[0].tls.clientCAFile: must not be set without clientAuth Request or Require"},
		{"lists for clients that are not asked", "listeners:\n- name: a\n  port: 1\n  tls: {certFile: c, keyFile: k, crlFiles: [l, l]}\n",
			"b.yaml:4: listeners[0].tls.crlFiles[1]: \"l\" is there twice\n" +
				"b.yaml:4: listeners[0].tls.crlFiles: must not be set without clientAuth Request or Require"},
		{"half a certificate more", "listeners:\n- name: a\n  port: 1\n  tls: {certFile: c, keyFile: k, certificates: [{certFile: d}]}\n",
			"b.yaml:4: listeners[0].tls.certificates[0].keyFile: must be set"},
		{"users by certificates that nobody asks for", "authentication:\n  clientCertificate: {usernameFrom: CommonName}\n",
			"b.yaml:2: authentication.clientCertificate: needs a listener whose tls.clientAuth is Request or Require"},
		{"users by what is no field", "authentication: {clientCertificate: {usernameFrom: Email}, enhancedMethods: [SCRAM-SHA-1]}\n",
			"b.yaml:1: authentication.enhancedMethods[0]: \"SCRAM-SHA-1\" is not one of SCRAM-SHA-256, SCRAM-SHA-512\n" +
				"b.yaml:1: authentication.clientCertificate.usernameFrom: \"Email\" is not one of CommonName, DNSName, URI\n" +
				"b.yaml:1: authentication.clientCertificate: needs a listener whose tls.clientAuth is Request or Require"},
		{"no proxies", "listeners:\n- {name: a, protocol: MQTT, port: 1, proxyProtocol: {}}\n",
			"b.yaml:2: listeners[0].proxyProtocol.trusted: has 0 items: must have from 1 to 64"},
		{"socket and what it has none of",
			"listeners:\n- {name: a, protocol: WS, port: 1, host: \"::\", proxyProtocol: {trusted: [\"::1\"]}, socket: run/a.sock, socketMode: \"0999\"}\n",
			"b.yaml:2: listeners[0].socketMode: \"0999\" must match ^0?[0-7]{3}$\n" +
				"b.yaml:2: listeners[0].protocol: must be MQTT on a unix socket, which nobody can listen in on\n" +
				"b.yaml:2: listeners[0].port: must not be set together with socket\n" +
				"b.yaml:2: listeners[0].host: must not be set together with socket\n" +
				"b.yaml:2: listeners[0].proxyProtocol: must not be set together with socket\n" +
				"b.yaml:2: listeners[0].socket: \"run/a.sock\" must be an absolute path"},
		{"socket, too long", "listeners:\n- {name: a, protocol: MQTT, socket: /" + strings.Repeat("s", 107) + "}\n",
			"b.yaml:2: listeners[0].socket: has 108 bytes, the path of a unix socket has at most 107"},
		{"socket, twice", "listeners:\n- {name: a, protocol: MQTT, socket: /run/s}\n- {name: b, protocol: MQTT, socket: /run//s}\n",
			"b.yaml:3: listeners[1].socket: \"/run//s\" is the socket of listeners[0] (a) too"},
		{"mode without socket", "listeners:\n- {name: a, protocol: MQTT, port: 1, socketMode: \"0600\"}\n",
			"b.yaml:2: listeners[0].socketMode: must not be set without socket"},
		{"bundle and files", "authFiles:\n  bundleDir: a\n  passwordFile: b\n  aclFile: c\n",
			"b.yaml:3: authFiles.passwordFile: must not be set together with authFiles.bundleDir\n" +
				"b.yaml:4: authFiles.aclFile: must not be set together with authFiles.bundleDir"},
		{"admin API", "admin:\n  address: localhost\n  healthAddress: :0\n  certFile: x\n  clientKeyPins: [aa]\n",
			"b.yaml:1: admin.keyFile: must be set for the admin API at admin.address\n" +
				"b.yaml:2: admin.address: \"localhost\" must be host:port, with a port from 1 to 65535\n" +
				"b.yaml:3: admin.healthAddress: \":0\" must be host:port, with a port from 1 to 65535\n" +
				"b.yaml:5: admin.clientKeyPins[0]: \"aa\" must be a SHA-256 in 64 hexadecimal digits"},
		{"every error, not the first", "log:\n  level: x\n  colour: y\nmqtt: 1\n",
			"b.yaml:2: log.level: \"x\" is not one of Debug, Info, Warn, Error\n" +
				"b.yaml:3: log.colour: unknown field (known here: level, format)\nb.yaml:4: mqtt: must be a mapping of settings, not 1"},
		{"syntax", "mqtt:\n  a: [\n", "b.yaml:2: did not find expected node content"},
		{"second document", "log: {}\n---\nlog: {}\n", "b.yaml:2: a second YAML document: only one is allowed"},
		{"not UTF-8", "store: {dir: \"\xff\"}", "b.yaml: invalid leading UTF-8 octet"},
		{"too large", strings.Repeat("#", MaxFileBytes+1), "b.yaml: file has more than 1048576 bytes"},
		{"too deep", strings.Repeat("[", 20000), "b.yaml: exceeded max depth of 10000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse([]byte(test.text), "b.yaml")
			if err == nil {
				t.Fatalf("Parse() = %+v, want an error", got)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if fault := new(FieldError); !errors.As(err, &fault) || fault.File != "b.yaml" {
				t.Errorf("error holds no FieldError with its file: %v", err)
			}
		})
	}
}

func TestParseSamePortOnTwoAddresses(t *testing.T) {
	_, err := Parse([]byte("listeners:\n- {name: a, protocol: MQTT, port: 1, host: 10.0.0.1}\n- {name: b, protocol: MQTT, port: 1, host: \"::1\"}\n"), "b")
	if err != nil {
		t.Error(err)
	}
}

// TestEnhancedMethods: unset is all, an empty list is none.
func TestEnhancedMethods(t *testing.T) {
	for text, want := range map[string]int{"{}": 2, "authentication: {enhancedMethods: []}": 0, "authentication: {enhancedMethods: [SCRAM-SHA-512]}": 1} {
		if c, err := Parse([]byte(text), "b"); err != nil || len(c.Authentication.EnhancedMethods) != want {
			t.Errorf("%s: %v, %v", text, c.Authentication.EnhancedMethods, err)
		}
	}
}

func TestParseTransports(t *testing.T) {
	c, err := Parse([]byte(`listeners:
- {name: socket, protocol: MQTT, socket: /run/dunlin/mqtt.sock}
- {name: ws, protocol: WS, port: 8083, proxyProtocol: {trusted: [10.0.0.0/8, "fd00::1"]}}
`), "b")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listeners[0].SocketMode != "0660" || c.Listeners[0].Path != "" || c.Listeners[1].Path != "/mqtt" {
		t.Errorf("defaults: %+v", c.Listeners)
	}
	networks, err := c.Listeners[1].ProxyProtocol.Networks()
	if err != nil || len(networks) != 2 || networks[0].String() != "10.0.0.0/8" || networks[1].String() != "fd00::1/128" {
		t.Errorf("Networks() = %v, %v", networks, err)
	}
}

func TestParseACLSet(t *testing.T) {
	got, err := ParseACLSet([]byte(`acls:
- name: a
  subjects: [{kind: Everyone}]
  rules: [{actions: [Publish], topics: [a/b]}]
`), "acl.yaml", nil)
	want := ACLSet{ACLs: []ACL{{Name: "a", ACLRules: ACLRules{
		Subjects: []Subject{{Kind: SubjectEveryone}},
		Rules:    []Rule{{Effect: Allow, Actions: []Action{ActionPublish}, Topics: []string{"a/b"}}},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseACLSet(): %v (-want +got):\n%s", err, diff)
	}
	_, err = ParseACLSet([]byte(`acls:
- name: a
  subjects:
  - {kind: User}
  - {kind: Everyone, name: x}
  - {kind: Users, name: x}
  - {name: x}
  rules:
  - {actions: [Publish, Publish], topics: ["", bad]}
  - {effect: Permit, actions: [Read]}
- name: b
`), "acl.yaml", func(topic string) error {
		if topic == "bad" {
			return errors.New("is bad")
		}
		return nil
	})
	wantErr := `acl.yaml:4: acls[0].subjects[0].name: must be set for User, Group, ClientID and ServiceAccount, and left out for Everyone and Anonymous
acl.yaml:5: acls[0].subjects[1].name: must be set for User, Group, ClientID and ServiceAccount, and left out for Everyone and Anonymous
acl.yaml:6: acls[0].subjects[2].kind: "Users" is not one of User, Group, ClientID, ServiceAccount, Everyone, Anonymous
acl.yaml:7: acls[0].subjects[3].kind: must be set
acl.yaml:9: acls[0].rules[0].actions[1]: "Publish" is there twice
acl.yaml:9: acls[0].rules[0].topics[0]: has 0 characters: must have from 1 to 1024
acl.yaml:9: acls[0].rules[0].topics[1]: is bad
acl.yaml:10: acls[0].rules[1].effect: "Permit" is not one of Allow, Deny
acl.yaml:10: acls[0].rules[1].actions[0]: "Read" is not one of Publish, Subscribe
acl.yaml:10: acls[0].rules[1].topics: has 0 items: must have from 1 to 256
acl.yaml:11: acls[1].subjects: has 0 items: must have from 1 to 256
acl.yaml:11: acls[1].rules: has 0 items: must have from 1 to 256`
	if err == nil {
		t.Fatal("ParseACLSet() of a bad one = nil")
	}
	if diff := cmp.Diff(wantErr, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestParseBundled(t *testing.T) {
	var m Manifest
	if err := ParseBundled([]byte(`{"revision":"r","files":{"a":"b"}}`), "m", &m); err != nil || m.Revision != "r" {
		t.Errorf("ParseBundled() = %v, %+v", err, m)
	}
	for text, want := range map[string]string{
		`{"revison":"r"}`: `unknown field "revison"`,
		`{} {}`:           "more data",
		`{`:               "unexpected EOF",
	} {
		if err := ParseBundled([]byte(text), "m.json", &m); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m.json") {
			t.Errorf("ParseBundled(%s) = %v, want %q", text, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broker.yaml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load() of no file = %v", err)
	}
	if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(path); err != nil || len(c.Listeners) != 2 {
		t.Errorf("Load() = %+v, %v", c, err)
	}
	if err := os.WriteFile(path, make([]byte, MaxFileBytes+2), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("Load() of a large file = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? [a]\n: {b: c}\n"))
	f.Add([]byte("{\"log\":{\"level\":\"Debug\"}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "f")
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("Parse took what Validate refuses: %v", err)
		}
		if diff := cmp.Diff(c, c.Defaulted()); diff != "" {
			t.Errorf("Parse left defaults out (-parsed +defaulted):\n%s", diff)
		}
	})
}
