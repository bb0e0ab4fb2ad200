package local

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// client is an MQTT 3.1.1 client of raw bytes.
type client struct{ net.Conn }

// dial connects by TLS, trusting the CA of the state folder only, or plainly if caFile is "".
func dial(address, caFile string) (client, error) {
	dialer := &net.Dialer{Timeout: patience}
	if caFile == "" {
		nc, err := dialer.Dial("tcp", address)
		return client{nc}, err
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return client{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	nc, err := tls.DialWithDialer(dialer, "tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		return client{}, err
	}
	return client{nc}, nil
}

func field(data string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(data))), data...)
}

// exchange sends a packet, whose remaining length is below 128, and reads the next one.
func (c client) exchange(header byte, body ...[]byte) ([]byte, error) {
	var rest []byte
	for _, b := range body {
		rest = append(rest, b...)
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := c.Write(append([]byte{header, byte(len(rest))}, rest...)); err != nil {
		return nil, err
	}
	return c.receive()
}

func (c client) receive() ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		return nil, err
	}
	body := make([]byte, head[1])
	_, err := io.ReadFull(c, body)
	return append(head[:1], body...), err
}

// connect returns CONNACK's return code.
func (c client) connect(username, password string) (byte, error) {
	const flags = 0b1100_0010 // user name, password, clean session
	ack, err := c.exchange(0x10, field("MQTT"), []byte{4, flags, 0, 60}, field("test"), field(username), field(password))
	if err != nil {
		return 0, err
	}
	if len(ack) != 3 || ack[0] != 0x20 {
		return 0, fmt.Errorf("no CONNACK: % x", ack)
	}
	return ack[2], nil
}

// subscribe returns SUBACK's return code.
func (c client) subscribe(filter string) (byte, error) {
	ack, err := c.exchange(0x82, []byte{0, 1}, field(filter), []byte{0})
	if err != nil {
		return 0, err
	}
	if len(ack) != 4 || ack[0] != 0x90 {
		return 0, fmt.Errorf("no SUBACK: % x", ack)
	}
	return ack[3], nil
}

// login dials and connects; the connection ends with the test.
func login(t *testing.T, address, caFile, username, password string) client {
	t.Helper()
	c, err := dial(address, caFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if code, err := c.connect(username, password); code != 0 || err != nil {
		t.Fatalf("connect as %s: return code %d, error %v", username, code, err)
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
