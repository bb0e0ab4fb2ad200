package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/token"
)

// What Authenticate answers with, beside the error of its context.
var (
	// ErrBadCredentials does not say whether it was the user name or the password.
	ErrBadCredentials = errors.New("bad user name or password")
	// ErrNotAllowed is for clients without a user name where anonymous ones are not allowed.
	ErrNotAllowed = errors.New("anonymous clients are not allowed")
	// ErrBusy is for clients that should come back later: too many passwords wait to be verified, or users and
	// access rules could not be loaded yet.
	ErrBusy = errors.New("authentication is busy")
)

// Auth authenticates clients and keeps the current Policy. Any number of goroutines may use it.
type Auth struct {
	files    config.AuthFiles
	log      *slog.Logger
	loading  sync.Mutex // who makes a Policy
	settings settings
	now      func() time.Time
	unmade   bool // no Policy has been made of the settings, because the files could not be used
	policy   atomic.Pointer[Policy]
	verifier *verifier
	failure  atomic.Value // string: what was last logged as wrong with the files; "": nothing is
}

// settings is what the configuration, as opposed to the files, says.
type settings struct {
	anonymous    bool // clients without a user name are let in
	users        bool // there is a source of users
	defaultAllow bool // what no rule decides is allowed
	audit        bool // what is denied happens all the same
	methods      []config.EnhancedMethod
	hashesServe  bool                      // $7$ hashes do for SCRAM-SHA-512
	certificate  *config.ClientCertificate // nil: certificates name no users
	accounts     *config.ServiceAccounts   // nil: tokens are not taken
	secret       []byte                    // of this process: the SCRAM salts of users that do not exist are made of it
}

var errNotLoaded = fmt.Errorf("%w: users and access rules are not loaded yet", ErrBusy)

// Open loads the files that cfg names. A password or ACL file that cannot be used is an error that names file and
// line. A bundle that cannot be used is not, since it may be on its way: it is logged, nobody gets in, and Run looks
// again when it changes.
func Open(cfg config.Config, log *slog.Logger) (*Auth, error) {
	cfg = cfg.Defaulted()
	a := &Auth{
		files:    cfg.AuthFiles,
		log:      log,
		verifier: newVerifier(time.Duration(cfg.MQTT.ConnectTimeoutSeconds) * time.Second),
		now:      time.Now,
	}
	a.failure.Store("")
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // it never fails
	a.settings = settingsOf(cfg, secret)
	m, err := load(a.files)
	switch {
	case err == nil:
		p := newPolicy(1, a.settings, m)
		a.policy.Store(p)
		a.warn(p)
	case a.files.BundleDir != "":
		a.policy.Store(&Policy{generation: 1, closed: true})
		a.fail(err)
	default:
		return nil, fmt.Errorf("open users and access rules: %w", err)
	}
	return a, nil
}

func settingsOf(cfg config.Config, secret []byte) settings {
	return settings{
		anonymous:    cfg.Authentication.AllowAnonymous,
		users:        cfg.AuthFiles.BundleDir != "" || cfg.AuthFiles.PasswordFile != "",
		defaultAllow: cfg.Authorization.DefaultPolicy == config.PolicyAllow,
		audit:        cfg.Authorization.Enforcement == config.EnforcementAudit,
		methods:      cfg.Authentication.EnhancedMethods,
		hashesServe:  cfg.Authentication.ScramFromPasswordHashes,
		certificate:  cfg.Authentication.ClientCertificate,
		accounts:     cfg.Authentication.ServiceAccounts,
		secret:       secret,
	}
}

// Configure takes cfg's authentication and authorization, with its defaults, in place of what there was; its
// files stay the same. The next Policy is in force when it returns, or, while the files cannot be used, when
// they can.
func (a *Auth) Configure(cfg config.Config) {
	a.loading.Lock()
	a.settings = settingsOf(cfg, a.settings.secret)
	a.unmade = true
	a.loading.Unlock()
	a.reload()
}

// Run watches the files and replaces the Policy when their content has changed; reloaded is then called with the new
// one, never concurrently. Files that cannot be used leave the old Policy in force, which is logged once. Run returns
// when ctx is done.
func (a *Auth) Run(ctx context.Context, reloaded func(*Policy)) error {
	paths := a.paths()
	if len(paths) == 0 {
		<-ctx.Done()
		return nil
	}
	return filewatch.Watch(ctx, paths, a.log, func() {
		if p := a.reload(); p != nil && reloaded != nil {
			reloaded(p)
		}
	})
}

func (a *Auth) paths() []string {
	var out []string
	for _, path := range []string{a.files.BundleDir, a.files.PasswordFile, a.files.ACLFile, a.files.TokenIssuerFile} {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// reload returns the new Policy, nil if there is none.
func (a *Auth) reload() *Policy {
	a.loading.Lock()
	defer a.loading.Unlock()
	m, err := load(a.files)
	if err != nil {
		a.fail(err)
		return nil
	}
	a.failure.Store("")
	old := a.policy.Load()
	if !old.closed && old.sum == m.sum && !a.unmade {
		return nil
	}
	a.unmade = false
	p := newPolicy(old.generation+1, a.settings, m)
	a.policy.Store(p)
	a.log.Info("users and access rules loaded", "users", p.passwords.Len(), "acls", len(m.acls), "revision", p.revision)
	a.warn(p)
	return p
}

// warn says that access rules deny nothing, where that is so.
func (a *Auth) warn(p *Policy) {
	if p.audit {
		a.log.Warn("access rules are not enforced", "reason", "authorization.enforcement is Audit: what they deny is told, and happens")
	}
}

// fail logs why the files cannot be used: once, since one change may be looked at several times.
func (a *Auth) fail(err error) {
	if a.failure.Swap(err.Error()) == err.Error() {
		return
	}
	inForce := "the previous ones"
	if p := a.policy.Load(); p.closed {
		inForce = "none: every client is refused"
	}
	a.log.Error("users and access rules cannot be loaded", "reason", err, "in_force", inForce)
}

// Failure is why the files cannot be loaded as they are now; "": they can.
func (a *Auth) Failure() string { return a.failure.Load().(string) }

// Loaded reports whether users and access rules are in force. Until then every client is refused.
func (a *Auth) Loaded() bool { return !a.Policy().closed }

// Users is how many users with a password entry are in force.
func (a *Auth) Users() int {
	if p := a.Policy(); p.passwords != nil {
		return p.passwords.Len()
	}
	return 0
}

// Revision is the manifest revision of the bundle in force; "" for plain files.
func (a *Auth) Revision() string { return a.Policy().revision }

// Policy is the current one, never nil.
func (a *Auth) Policy() *Policy { return a.policy.Load() }

// Authenticate says who the client with credentials c is. The error is ErrBadCredentials, ErrNotAllowed, ErrBusy or
// that of ctx, perhaps wrapped. A certificate that names a user is enough; no password is looked at then. Where tokens are taken, a
// password without a user name, or with a ServiceAccount's, is one. It blocks while other passwords are being verified, for no longer than a client has to connect: not for goroutines that move traffic.
// An unknown user takes as long as one with a hash of the commonest cost.
func (a *Auth) Authenticate(ctx context.Context, c Credentials) (*Identity, error) {
	p := a.Policy()
	if p.closed {
		return nil, errNotLoaded
	}
	holds, err := p.holder(c)
	if err != nil {
		return nil, err
	}
	if holds.username != "" {
		return &Identity{username: holds.username, clientID: c.ClientID, shown: certificate(holds.cn), certified: true}, nil
	}
	if p.accounts != nil && c.HasPassword && (c.Username == "" || token.Reserved(c.Username)) {
		return p.byToken(c, holds, c.Password, a.now())
	}
	// Where there are no users, a name proves nothing, so its bearer is as anonymous as without it.
	if c.Username == "" || !c.HasUsername || !p.users && p.anonymous {
		if !p.anonymous {
			return nil, ErrNotAllowed
		}
		return &Identity{clientID: c.ClientID, anonymous: true, shown: certificate(holds.cn)}, nil
	}
	lines := p.passwords.Lookup(c.Username)
	for _, line := range lines {
		if a.verifier.remembers(c.Username, c.Password, line) {
			return &Identity{username: c.Username, clientID: c.ClientID, line: line, shown: certificate(holds.cn)}, nil
		}
	}
	line, err := a.verify(ctx, p, c, lines)
	if err != nil {
		return nil, err
	}
	return &Identity{username: c.Username, clientID: c.ClientID, line: line, shown: certificate(holds.cn)}, nil
}

// verify returns which of lines c's password is good for.
func (a *Auth) verify(ctx context.Context, p *Policy, c Credentials, lines []string) (string, error) {
	release, err := a.verifier.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	if len(lines) == 0 && p.decoy != "" {
		password.Dummy(p.decoy, c.Password)
	}
	for _, line := range lines {
		ok, err := password.Verify(line, c.Password)
		if err != nil { // the file was checked when it was loaded
			return "", fmt.Errorf("%w: %w", ErrBadCredentials, err)
		}
		if ok && c.HasPassword {
			a.verifier.remember(c.Username, c.Password, line)
			return line, nil
		}
	}
	return "", ErrBadCredentials
}
