package auth

import (
	"crypto/x509"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// withKeys is an Auth of users whose passwords are their names.
func withKeys(t *testing.T, change func(*config.Config), names ...string) (*Auth, string) {
	t.Helper()
	var lines []string
	for _, name := range names {
		line, err := password.ScramLine(password.ScramSHA256, []byte(name), []byte("0123456789abcdef"), 4096)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, name+":"+line)
	}
	file := filepath.Join(t.TempDir(), "passwd")
	write(t, file, strings.Join(lines, "\n")+"\n")
	cfg := config.Config{AuthFiles: config.AuthFiles{PasswordFile: file}}
	if change != nil {
		change(&cfg)
	}
	return open(t, cfg), file
}

// exchange goes through all steps as user, whose password is secret.
func exchange(t *testing.T, a *Auth, who Credentials, method, user, secret string) (*Identity, error) {
	t.Helper()
	client, err := scram.SHA256.NewClient(user, secret, "")
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewConversation()
	x, err := a.Begin(method, who)
	if err != nil {
		return nil, err
	}
	var answer []byte
	for {
		said, err := c.Step(string(answer))
		if err != nil {
			t.Fatal(err)
		}
		var id *Identity
		if answer, id, err = x.Step([]byte(said)); id != nil || err != nil {
			return id, err
		}
	}
}

func TestExchange(t *testing.T) {
	a, file := withKeys(t, nil, "ann", "a,n=n")
	for _, user := range []string{"ann", "a,n=n"} { // the latter is escaped on the wire
		id, err := exchange(t, a, Credentials{ClientID: "c"}, password.ScramSHA256, user, user)
		if err != nil || id.Username() != user || id.ClientID() != "c" || id.Anonymous() || !a.Policy().Valid(id) {
			t.Errorf("%s: %+v, %v", user, id, err)
		}
	}
	for name, r := range map[string]struct {
		who          Credentials
		method       string
		user, secret string
		want         error
	}{
		"wrong password":   {Credentials{}, password.ScramSHA256, "ann", "bob", ErrNotProved},
		"unknown user":     {Credentials{}, password.ScramSHA256, "eve", "eve", ErrNotProved},
		"keys of none":     {Credentials{}, password.ScramSHA512, "ann", "ann", ErrNotProved},
		"unknown method":   {Credentials{}, "PLAIN", "ann", "ann", ErrMethod},
		"no method":        {Credentials{}, "", "ann", "ann", ErrMethod},
		"of another name":  {Credentials{Username: "bob", HasUsername: true}, password.ScramSHA256, "ann", "ann", ErrBadCredentials},
		"of an empty name": {Credentials{HasUsername: true}, password.ScramSHA256, "ann", "ann", ErrBadCredentials},
	} {
		if id, err := exchange(t, a, r.who, r.method, r.user, r.secret); !errors.Is(err, r.want) || id != nil {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	// Who was authenticated is let in for as long as the keys are in force.
	id, err := exchange(t, a, Credentials{}, password.ScramSHA256, "ann", "ann")
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, "bob:$7$1$MDEyMzQ1Njc4OWFi$"+strings.Repeat("A", 86)+"==\n")
	if p := a.reload(); p == nil || p.Valid(id) {
		t.Error("keys that are gone are still good")
	}
}

func TestExchangeNeedsUsers(t *testing.T) {
	if _, err := open(t, config.Config{Authentication: config.Authentication{AllowAnonymous: true}}).Begin(password.ScramSHA256, Credentials{}); !errors.Is(err, ErrMethod) {
		t.Errorf("without users: %v", err)
	}
	closed := open(t, config.Config{AuthFiles: config.AuthFiles{BundleDir: t.TempDir()}})
	if _, err := closed.Begin(password.ScramSHA256, Credentials{}); !errors.Is(err, ErrBusy) {
		t.Errorf("before users are loaded: %v", err)
	}
	off, _ := withKeys(t, func(c *config.Config) { c.Authentication.EnhancedMethods = []config.EnhancedMethod{} }, "ann")
	if _, err := off.Begin(password.ScramSHA256, Credentials{}); !errors.Is(err, ErrMethod) {
		t.Errorf("with no methods: %v", err)
	}
}

// TestStepsAfterTheEnd: an exchange that is over stays over.
func TestStepsAfterTheEnd(t *testing.T) {
	a, _ := withKeys(t, nil, "ann")
	x, err := a.Begin(password.ScramSHA256, Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range [][]byte{[]byte("nonsense"), []byte("n,,n=ann,r=abc"), nil, {}} {
		if answer, id, err := x.Step(said); !errors.Is(err, ErrNotProved) || id != nil || answer != nil {
			t.Errorf("%q: %q, %+v, %v", said, answer, id, err)
		}
	}
}

func FuzzExchange(f *testing.F) {
	f.Add([]byte("n,,n=ann,r=abc"), []byte("c=biws,r=abc,p=AAAA"))
	f.Add([]byte("n,a=ann,n=ann,r=abc"), []byte("c=biws,r=,p="))
	f.Add([]byte("p=tls-exporter,,n==2C,r="), []byte{})
	file := filepath.Join(f.TempDir(), "passwd")
	write(f, file, "ann:$7$1$MDEyMzQ1Njc4OWFi$"+strings.Repeat("A", 86)+"==\n")
	a, err := Open(config.Config{
		AuthFiles:      config.AuthFiles{PasswordFile: file},
		Authentication: config.Authentication{ScramFromPasswordHashes: true},
	}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		x, err := a.Begin(password.ScramSHA512, Credentials{})
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range [][]byte{first, second, second} {
			if _, id, _ := x.Step(said); id != nil {
				t.Fatalf("let in by %q, %q", first, second)
			}
		}
	})
}

func TestCertificateNamesUser(t *testing.T) {
	ca := keypairtest.NewCA(t, "ca")
	issue := func(name string, change func(*x509.Certificate)) *x509.Certificate {
		return ca.Client(t, name, change).Leaf
	}
	full := issue("ann", func(c *x509.Certificate) {
		c.DNSNames = []string{"ann.example", "other.example"}
		c.URIs = []*url.URL{{Scheme: "urn", Opaque: "dev:ann"}}
	})
	for name, r := range map[string]struct {
		settings config.ClientCertificate
		cert     *x509.Certificate
		want     string // user name; "": refused
	}{
		"common name":            {config.ClientCertificate{UsernameFrom: config.CommonName}, full, "ann"},
		"DNS name":               {config.ClientCertificate{UsernameFrom: config.DNSName, AnyUser: true}, full, "ann.example"},
		"URI":                    {config.ClientCertificate{UsernameFrom: config.URI, AnyUser: true}, full, "urn:dev:ann"},
		"unknown user":           {config.ClientCertificate{UsernameFrom: config.DNSName}, full, ""},
		"no common name":         {config.ClientCertificate{UsernameFrom: config.CommonName, AnyUser: true}, issue("", nil), ""},
		"no DNS name":            {config.ClientCertificate{UsernameFrom: config.DNSName, AnyUser: true}, issue("ann", nil), ""},
		"no URI":                 {config.ClientCertificate{UsernameFrom: config.URI, AnyUser: true}, issue("ann", nil), ""},
		"a name with U+0000":     {config.ClientCertificate{UsernameFrom: config.CommonName, AnyUser: true}, issue("an\x00n", nil), ""},
		"a name that is no user": {config.ClientCertificate{UsernameFrom: config.CommonName}, issue("eve", nil), ""},
	} {
		a, _ := withKeys(t, func(c *config.Config) {
			c.Authentication.ClientCertificate = &r.settings
			c.Listeners = []config.Listener{{ListenerSettings: config.ListenerSettings{Name: "x", Port: 1}, TLS: &config.ListenerTLS{ClientAuth: config.ClientAuthRequest}}}
		}, "ann")
		id, err := a.Authenticate(t.Context(), Credentials{ClientID: "c", Certificate: r.cert})
		switch {
		case r.want == "" && !errors.Is(err, ErrBadCredentials):
			t.Errorf("%s: %+v, %v", name, id, err)
		case r.want != "" && (err != nil || id.Username() != r.want || !a.Policy().Valid(id) || !a.Policy().Valid(id.Away())):
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	// Where no file has users, the CA says who there is.
	alone := open(t, config.Config{Authentication: config.Authentication{ClientCertificate: &config.ClientCertificate{UsernameFrom: config.CommonName}}})
	if id, err := alone.Authenticate(t.Context(), Credentials{Certificate: full}); err != nil || id.Username() != "ann" || !alone.Policy().Valid(id) {
		t.Errorf("without users: %+v, %v", id, err)
	}
	// A certificate that names nobody is no way around the password.
	a, _ := withKeys(t, nil, "ann")
	if _, err := a.Authenticate(t.Context(), Credentials{Certificate: full}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a certificate that is not asked for a name: %v", err)
	}
}

// TestCommonNameOfThoseAway: who is away keeps the Common Name; from a store it is known where it is the user name.
func TestCommonNameOfThoseAway(t *testing.T) {
	for field, want := range map[config.CertificateField]bool{config.CommonName: true, config.DNSName: false} {
		file := filepath.Join(t.TempDir(), "acl.yaml")
		write(t, file, "acls:\n- name: x\n  subjects: [{kind: Everyone}]\n  rules: [{actions: [Subscribe], topics: [\"of/${cert.cn}\"]}]\n")
		a := open(t, config.Config{
			Authentication: config.Authentication{ClientCertificate: &config.ClientCertificate{UsernameFrom: field}},
			AuthFiles:      config.AuthFiles{ACLFile: file},
		})
		p := a.Policy()
		if got := p.CanReceive(Recall("c", "ann", false), "of/ann"); got != want {
			t.Errorf("%s: a client that was away since before the start receives: %v", field, got)
		}
		live := &Identity{username: "user", shown: &shown{cn: "ann"}, certified: true}
		if !p.CanReceive(live, "of/ann") || !p.CanReceive(live.Away(), "of/ann") || p.CanReceive(live.Away(), "of/user") {
			t.Errorf("%s: the Common Name is lost, or is the user name", field)
		}
		if p.CanReceive(&Identity{username: "ann"}, "of/ann") {
			t.Errorf("%s: a client without a certificate has a Common Name", field)
		}
	}
}

// TestExchangeWithEitherPassword: while a password is being changed the one of before can be proved, too, and is told apart.
func TestExchangeWithEitherPassword(t *testing.T) {
	const salt = "0123456789abcdef"
	lines := ""
	for _, secret := range []string{"new", "old"} {
		l, err := password.ScramLine(password.ScramSHA256, []byte(secret), []byte(salt), 4096)
		if err != nil {
			t.Fatal(err)
		}
		lines += "ann:" + l + "\n"
	}
	file := filepath.Join(t.TempDir(), "passwd")
	write(t, file, lines)
	a := open(t, config.Config{AuthFiles: config.AuthFiles{PasswordFile: file}})
	for secret, previous := range map[string]bool{"new": false, "old": true} {
		id, err := exchange(t, a, Credentials{ClientID: "c"}, password.ScramSHA256, "ann", secret)
		if err != nil || !a.Policy().Valid(id) || a.Policy().Previous(id) != previous {
			t.Errorf("%s: %+v, %v", secret, id, err)
		}
	}
	if id, err := exchange(t, a, Credentials{ClientID: "c"}, password.ScramSHA256, "ann", "other"); !errors.Is(err, ErrNotProved) {
		t.Errorf("%+v, %v", id, err)
	}
	write(t, file, strings.SplitAfter(lines, "\n")[0])
	if p := a.reload(); p == nil || p.Changing() {
		t.Error("the password of before is still there")
	}
	if _, err := exchange(t, a, Credentials{ClientID: "c"}, password.ScramSHA256, "ann", "old"); !errors.Is(err, ErrNotProved) {
		t.Errorf("old after its time: %v", err)
	}
}
