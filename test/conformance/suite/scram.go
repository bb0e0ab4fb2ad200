package suite

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// ScramUser is the user that the broker of -scram has; the name is the password, too.
const ScramUser = "conformance"

// scramFile writes a password file that has ScramUser to dir, and returns its path.
func scramFile(dir string) (string, error) {
	line, err := password.ScramLine(password.ScramSHA256, []byte(ScramUser), []byte("0123456789abcdef"), password.ScramIterations)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "passwd")
	return file, os.WriteFile(file, []byte(ScramUser+":"+line+"\n"), 0o600)
}

// Scram is the same test against the broker that has ScramUser; see EnhancedAuthentication.
func (t *T) Scram() *T {
	b := *t.Broker
	b.Addr = b.ScramAddr
	other := *t
	other.Broker = &b
	return &other
}

// Prover is a client's side of SCRAM-SHA-256, as ScramUser.
type Prover struct {
	t    *T
	conv *scram.ClientConversation
}

// Prover makes a proof of a password.
func (t *T) Prover(secret string) *Prover {
	t.Helper()
	c, err := scram.SHA256.NewClient(ScramUser, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	return &Prover{t, c.NewConversation()}
}

// Says is what the client says to data; the first time there is none.
func (p *Prover) Says(data []byte) []byte {
	p.t.Helper()
	said, err := p.conv.Step(string(data))
	if err != nil {
		p.t.Fatalf("SCRAM: %v", err)
	}
	return []byte(said)
}

// Proved says whether the broker has proved to know the password's keys.
func (p *Prover) Proved(data []byte) bool {
	_, err := p.conv.Step(string(data))
	return err == nil && p.conv.Valid()
}

// Hello is a CONNECT that begins the proof.
func (p *Prover) Hello(name string) packet.Connect {
	p.t.Helper()
	hello := p.t.Hello(name, true)
	hello.Version = packet.V5
	hello.Properties.AuthMethod, hello.Properties.AuthData = password.ScramSHA256, p.Says(nil)
	return hello
}

// Auth is an AUTH with data.
func (p *Prover) Auth(r packet.ReasonCode, data []byte) []byte {
	a := packet.Auth{Reason: r, Method: password.ScramSHA256, Data: data}
	return a.Append(nil)
}

// scrams says whether the broker of -scram continues an authentication.
func (b *Broker) scrams() bool {
	if b.ScramAddr == "" {
		return false
	}
	c, err := client.Dial(b.ScramAddr)
	if err != nil {
		return false
	}
	defer c.Close()
	hello := packet.Connect{ClientID: "conformanceprobe", CleanStart: true}
	hello.Properties.AuthMethod = password.ScramSHA256
	hello.Properties.AuthData = []byte("n,,n=" + ScramUser + ",r=" + strings.Repeat("r", 24))
	c.Connect(hello)
	got, err := c.Next()
	return err == nil && got.Type == packet.TypeAuth
}
