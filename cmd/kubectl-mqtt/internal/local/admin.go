package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// adminDuration is how long the certificates of the admin API are valid: longer than any run.
const adminDuration = 10 * 365 * 24 * time.Hour

// The files in admin/.
const (
	adminAddress    = "address" // while a broker runs
	adminCA         = "ca.crt"
	adminCert       = "tls.crt"
	adminKey        = "tls.key"
	adminClientCert = "client.crt"
	adminClientKey  = "client.key"
	adminToken      = "token"      // role Write
	adminReadToken  = "read-token" // role Read
	adminTokens     = "tokens"     // their sums, for the broker
)

// adminAPI is how the broker serves the admin API. Zero: not at all.
type adminAPI struct {
	address           string // 127.0.0.1:port
	certFile, keyFile string
	tokensFile        string
	pins              []string
}

func (s *State) adminPath(file string) string { return s.path("admin", file) }

// openAdmin makes the files by which the broker of this run can be called, and by which only those call it who can read
// them. Its CA's key is not kept: another run makes another CA.
func (s *State) openAdmin(now time.Time) error {
	ca, err := pki.NewCA("kubectl-mqtt run", now)
	if err != nil {
		return err
	}
	server, err := pki.IssueServer(ca, children.AdminDNSNames(), []net.IP{net.IPv4(127, 0, 0, 1)}, adminDuration, now)
	if err != nil {
		return err
	}
	client, err := pki.IssueClient(ca, "kubectl-mqtt", adminDuration, now)
	if err != nil {
		return err
	}
	pin, err := pki.KeyPin(client.CertPEM)
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{adminCA, ca.CertPEM}, {adminCert, server.CertPEM}, {adminKey, server.KeyPEM},
		{adminClientCert, client.CertPEM}, {adminClientKey, client.KeyPEM}, {adminAddress, []byte(address + "\n")},
	} {
		if err := writeFile(s.adminPath(file.name), file.content); err != nil {
			return err
		}
	}
	tokens, err := s.openTokens()
	if err != nil {
		return err
	}
	s.admin = adminAPI{address: address, tokensFile: tokens, certFile: s.adminPath(adminCert), keyFile: s.adminPath(adminKey), pins: []string{pin}}
	return nil
}

// closeAdmin says that no broker runs any more.
func (s *State) closeAdmin() error {
	if s.admin.address == "" {
		return nil
	}
	return os.Remove(s.adminPath(adminAddress))
}

// freeAddress is a port of this machine that nobody has now, for all of a run: a broker that is started again by an
// edit or a restore is found where it was.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// Target is the broker that kubectl-mqtt run runs by a state folder.
func Target(stateDir string) (adminapi.Target, error) {
	s := ReadState(stateDir)
	read := func(file string) (content []byte, err error) {
		if content, err = os.ReadFile(s.adminPath(file)); errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("no broker runs by the state folder %s: start one with kubectl-mqtt run --state-dir %s", s.dir, s.dir)
		}
		return content, err
	}
	address, err := read(adminAddress)
	if err != nil {
		return adminapi.Target{}, err
	}
	var pems [3][]byte
	for i, file := range []string{adminClientCert, adminClientKey, adminCA} {
		if pems[i], err = read(file); err != nil {
			return adminapi.Target{}, err
		}
	}
	secured, err := adminapi.ClientTLS(pems[0], pems[1], pems[2])
	if err != nil {
		return adminapi.Target{}, fmt.Errorf("use %s: %w", s.path("admin"), err)
	}
	return adminapi.ToAddress(
		"the broker of "+s.dir, "where kubectl-mqtt run prints it", strings.TrimSpace(string(address)), secured), nil
}
