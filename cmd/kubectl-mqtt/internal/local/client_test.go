package local

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// dial connects by TLS, trusting the CA of the state folder only, or plainly if caFile is "". The connection ends with the test.
func dial(t *testing.T, address, caFile string) *mqtttest.Client {
	t.Helper()
	if caFile == "" {
		return mqtttest.Dial(t, address)
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	nc, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	return mqtttest.New(t, nc)
}

// connect is CONNACK's code for a user of MQTT 3.1.1.
func connect(c *mqtttest.Client, username, password string) packet.ReasonCode {
	return c.Connect(packet.Connect{
		Version: packet.V311, ClientID: "test", CleanStart: true, KeepAlive: 60,
		HasUsername: true, Username: username, HasPassword: true, Password: []byte(password),
	}).Reason
}

// subscribe is SUBACK's code.
func subscribe(c *mqtttest.Client, filter string) packet.ReasonCode {
	return c.Subscribe(packet.Filter{Filter: filter})[0]
}

// login dials and connects.
func login(t *testing.T, address, caFile, username, password string) *mqtttest.Client {
	t.Helper()
	c := dial(t, address, caFile)
	if code := connect(c, username, password); code != packet.Success {
		t.Fatalf("connect as %s: %v", username, code)
	}
	return c
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !yes(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s has not happened within %s", what, patience)
		}
	}
}
