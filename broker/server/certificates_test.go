package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

const certificateRules = `acls:
- name: own
  subjects: [{kind: Everyone}]
  rules:
  - {actions: [Publish, Subscribe], topics: ["of/${cert.cn}/#", "user/${username}/#", "all"]}
`

// certified is a broker whose listener mqtts asks for certificates of ca, which name users, and its folder. Users ann
// and bob have passwords; change may be nil.
func certified(t *testing.T, ca *keypairtest.CA, change func(*config.Config)) (b *broker, dir string) {
	t.Helper()
	cfg, dir := certifiedConfig(t, ca, change)
	return run(t, cfg), dir
}

func certifiedConfig(t *testing.T, ca *keypairtest.CA, change func(*config.Config)) (cfg config.Config, dir string) {
	t.Helper()
	dir = t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "localhost")
	cfg = open(t)
	cfg.Authentication = config.Authentication{ClientCertificate: &config.ClientCertificate{UsernameFrom: config.CommonName}}
	cfg.Authorization.DefaultPolicy = config.PolicyDeny
	cfg.AuthFiles.PasswordFile = write(t, dir, "passwd", passwords(t, "ann", "bob")+scramUsers(t, "ann", "bob"))
	cfg.AuthFiles.ACLFile = write(t, dir, "acl.yaml", certificateRules)
	cfg.Listeners = append(cfg.Listeners, config.Listener{
		ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: int32(freeport.For(t))}, Host: "127.0.0.1",
		TLS: &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile, ClientAuth: config.ClientAuthRequest,
			ClientCAFile: write(t, dir, "ca.crt", string(ca.PEM)), CRLFiles: []string{write(t, dir, "ca.crl", string(ca.CRL(t, time.Hour, nil)))}},
	})
	if change != nil {
		change(&cfg)
	}
	return cfg, dir
}

// dialAs connects to listener mqtts with a certificate; nil: without.
func dialAs(t *testing.T, b *broker, cert *tls.Certificate) *mqtttest.Client {
	t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true} // the server's certificate is its own authority
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	nc, err := (&tls.Dialer{Config: cfg}).DialContext(context.Background(), "tcp", b.Addr("mqtts").String())
	if err != nil {
		t.Fatal(err)
	}
	return mqtttest.New(t, nc)
}

func TestCertificateUsers(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	b, _ := certified(t, ca, nil)
	ann, eve, nameless := ca.Client(t, "ann", nil), ca.Client(t, "eve", nil), ca.Client(t, "", nil)
	plain := packet.Connect{ClientID: "c", CleanStart: true, Version: packet.V5}
	named := func(user, secret string) packet.Connect { return as(user, secret, packet.V5) }
	for _, r := range []struct {
		name string
		cert *tls.Certificate
		p    packet.Connect
		want packet.ReasonCode
	}{
		{"certificate alone", &ann, plain, packet.Success},
		{"and its name", &ann, named("ann", "not looked at"), packet.Success},
		{"and another name", &ann, named("bob", "bob"), packet.BadUserNameOrPassword},
		{"of no user", &eve, plain, packet.BadUserNameOrPassword},
		{"of no user, who gives another's name", &eve, named("bob", "bob"), packet.BadUserNameOrPassword},
		{"without a name", &nameless, plain, packet.BadUserNameOrPassword},
		{"no certificate", nil, plain, packet.NotAuthorized},
		{"no certificate and a password", nil, named("ann", "ann"), packet.Success},
	} {
		c := dialAs(t, b, r.cert)
		if got := c.Connect(r.p); got.Reason != r.want {
			t.Errorf("%s: %v, %s", r.name, got.Reason, got.Properties.ReasonString)
		}
	}
	for name, want := range map[string]packet.ReasonCode{"ann": packet.Success, "bob": packet.BadUserNameOrPassword} {
		c, p := dialAs(t, b, &ann), prove(t, password.ScramSHA256, name, name)
		hello := p.begin("c")
		c.Send(hello.Append(nil))
		got := c.Packet()
		if got.Type == packet.TypeAuth {
			c.Send(p.auth(packet.ContinueAuthentication, p.says(got.Auth.Data)))
			got = c.Expect(packet.TypeConnack)
		}
		if got.Connack.Reason != want {
			t.Errorf("SCRAM as %s over a connection of ann: %v", name, got.Connack.Reason)
		}
	}
}

// TestCertificateNames: each field can be the user's name, and access rules know the user and the Common Name.
func TestCertificateNames(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	cert := ca.Client(t, "d1", func(c *x509.Certificate) {
		c.DNSNames = []string{"d1.example", "d2.example"}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "example", Path: "/d1"}}
	})
	none := ca.Client(t, "d1", nil)
	for field, may := range map[config.CertificateField]string{
		config.CommonName: "user/d1/x", config.DNSName: "user/d1.example/x", config.URI: "", // it has what topics have a meaning for
	} {
		b, _ := certified(t, ca, func(c *config.Config) {
			c.Authentication.ClientCertificate = &config.ClientCertificate{UsernameFrom: field, AnyUser: true}
		})
		c := dialAs(t, b, &cert)
		if got := c.Connect(packet.Connect{ClientID: "c", CleanStart: true}).Reason; got != packet.Success {
			t.Fatalf("%s: %v", field, got)
		}
		for _, topic := range []string{"user/d1/x", "user/d1.example/x", "user/spiffe:", "of/d1/x", "of/d2/x", "all"} {
			allowed := c.Publish(text(topic, "", 1)) != packet.NotAuthorized
			if allowed != (topic == may || topic == "of/d1/x" || topic == "all") {
				t.Errorf("%s: may publish to %s: %v", field, topic, allowed)
			}
		}
		if field != config.CommonName {
			if got := dialAs(t, b, &none).Connect(packet.Connect{ClientID: "n", CleanStart: true}).Reason; got != packet.BadUserNameOrPassword {
				t.Errorf("%s that is not there: %v", field, got)
			}
		}
	}
}

// TestRevokedCertificate: a live connection of a revoked certificate ends, at once and for good; others stay.
func TestRevokedCertificate(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	b, dir := certified(t, ca, nil)
	one, two := ca.Client(t, "ann", nil), ca.Client(t, "bob", nil)
	ann, bob, old := dialAs(t, b, &one), dialAs(t, b, &two), dialAs(t, b, &one)
	ann.Connect(packet.Connect{ClientID: "a", CleanStart: true})
	bob.Connect(packet.Connect{ClientID: "b", CleanStart: true})
	old.Connect(packet.Connect{ClientID: "old", CleanStart: true, Version: packet.V311})
	byPassword := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5))
	write(t, dir, "ca.crl", "not a list")
	write(t, dir, "ca.crl", string(ca.CRL(t, time.Hour, nil, one.Leaf)))
	if got := ann.Expect(packet.TypeDisconnect).Disconnect; got.Reason != packet.NotAuthorized || !strings.Contains(got.ReasonString, "revoked") {
		t.Errorf("DISCONNECT: %v %s", got.Reason, got.ReasonString)
	}
	old.ExpectEnd()
	bob.Quiet()
	byPassword.Quiet() // the user is as good as before
	nc, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{one}}}).DialContext(t.Context(), "tcp", b.Addr("mqtts").String())
	if err == nil { // in TLS 1.3 the client learns of it at the first read
		defer nc.Close()
		if _, err = nc.Read(make([]byte, 1)); err == nil {
			t.Error("a revoked certificate is let in")
		}
	}
}

// TestExpiredCertificate: a connection ends with the certificate that it came by.
func TestExpiredCertificate(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	b, _ := certified(t, ca, nil)
	short := ca.Client(t, "ann", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(2*time.Second) // in whole seconds
	})
	long := ca.Client(t, "bob", nil)
	ann, bob := dialAs(t, b, &short), dialAs(t, b, &long)
	ann.Connect(packet.Connect{ClientID: "a", CleanStart: true})
	bob.Connect(packet.Connect{ClientID: "b", CleanStart: true})
	got := ann.Expect(packet.TypeDisconnect).Disconnect
	if got.Reason != packet.NotAuthorized || !strings.Contains(got.ReasonString, "expired") || time.Now().Before(short.Leaf.NotAfter) {
		t.Errorf("DISCONNECT: %v %s", got.Reason, got.ReasonString)
	}
	bob.Quiet()
}

// TestRemovedCertificateUser: who is no user any more is disconnected, whatever the certificate says.
func TestRemovedCertificateUser(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	b, dir := certified(t, ca, nil)
	cert := ca.Client(t, "ann", nil)
	c := dialAs(t, b, &cert)
	c.Connect(packet.Connect{ClientID: "c", CleanStart: true})
	write(t, dir, "passwd", passwords(t, "ann", "bob")) // another entry is none of a certificate's business
	eventually(t, "the file is loaded", func() bool {
		s, p := mqtttest.Dial(t, b.addr()), prove(t, password.ScramSHA256, "ann", "ann")
		return p.connect(s, p.begin("probe")).Reason != packet.Success
	})
	c.Quiet()
	write(t, dir, "passwd", passwords(t, "bob"))
	c.ExpectDisconnect(packet.NotAuthorized)
}

// TestAwayCertificate: a subscription by ${cert.cn} goes on while its client is away.
func TestAwayCertificate(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	b, _ := certified(t, ca, func(c *config.Config) { c.Authentication.ClientCertificate.UsernameFrom = config.DNSName })
	cert := ca.Client(t, "d1", func(c *x509.Certificate) { c.DNSNames = []string{"ann"} })
	pub := dialAs(t, b, &cert)
	pub.Connect(packet.Connect{ClientID: "pub", CleanStart: true})
	sub := dialAs(t, b, &cert)
	sub.Connect(hello("sub", false, packet.V5))
	if got := sub.Subscribe(filter("of/d1/#", 1)); got[0].Failed() {
		t.Fatal(got)
	}
	sub.Disconnect(packet.Disconnect{})
	pub.Say("of/d1/x", "while away", 1)
	sub = dialAs(t, b, &cert)
	sub.Connect(hello("sub", false, packet.V5))
	sub.Take("of/d1/x", "while away")
}

// TestHandshakesThatFail: who gets no further than TLS is told of as who is refused by name is, the same again in one line.
func TestHandshakesThatFail(t *testing.T) {
	cfg, _ := certifiedConfig(t, keypairtest.NewCA(t, "devices"), func(c *config.Config) {
		administered(t, c)
		c.Audit = config.Audit{AuditSettings: config.AuditSettings{Enabled: true}}
	})
	var out bytes.Buffer // read once the broker has stopped
	b := startWith(t, cfg, server.Deps{Audit: &out}, func(*server.Server) {})
	talk := func(listener string, say func(net.Conn)) {
		nc, err := net.Dial("tcp", b.Addr(listener).String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		say(nc)
		_, _ = io.Copy(io.Discard, nc) // until the broker has ended it
	}
	garbage := func(nc net.Conn) { _, _ = nc.Write([]byte("no TLS at all")) }
	distrust := func(nc net.Conn) { _ = tls.Client(nc, &tls.Config{ServerName: "another"}).Handshake() }
	talk("mqtts", garbage)
	talk("mqtts", garbage)
	talk("mqtts", distrust)
	talk("mqtt", distrust)
	talk("mqtts", func(nc net.Conn) { _ = nc.(*net.TCPConn).CloseWrite() }) // a load balancer's look
	eventually(t, "all is told", func() bool { return b.Metrics().Audit["written"] >= 4 })

	type told struct {
		Reason string
		Count  int
	}
	got := make(map[told]bool)
	for _, d := range get[api.Page[api.Denial]](call(t, cfg, "Read"), "/v1/access/denials").Items {
		if d.Action != "Handshake" || d.Client+d.User+d.Topic != "" || !strings.HasPrefix(d.Peer, "127.0.0.1:") {
			t.Errorf("%+v", d)
		}
		got[told{d.Reason, d.Count}] = true
	}
	want := map[told]bool{
		{"listener mqtts: the client does not speak TLS, which this listener does", 2}:                                                                                            true,
		{"listener mqtts: the client does not take this listener's certificate (bad certificate): it is to trust the CA, and to connect by a name that is in the certificate", 1}: true,
		{"listener mqtt: the client speaks TLS, which this listener does not", 1}:                                                                                                 true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b.stop()
	for _, part := range []string{`"event":"refused"`, `"listener":"mqtts"`, `"reason":"the client does not speak TLS, which this listener does"`} {
		if strings.Count(out.String(), part) < 2 {
			t.Errorf("the audit log has not %s twice:\n%s", part, &out)
		}
	}
	if strings.Contains(out.String(), `"protocol"`) {
		t.Errorf("no version was said:\n%s", &out)
	}
}
