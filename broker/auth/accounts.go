package auth

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/token"
)

// TokenMethod is the authentication method of MQTT 5 by which a client shows a ServiceAccount's token, and later another.
const TokenMethod = "K8S-SAT"

// maxIssuerBytes bounds the file of a token issuer: its keys, and the names of 10,000 namespaces.
const maxIssuerBytes = 1 << 20

// issuer is who makes tokens, and the namespaces whose ServiceAccounts are let in.
type issuer struct {
	name   string
	keys   token.Keys
	allows func(namespace string) bool
}

func parseIssuer(data []byte, name string) (*issuer, error) {
	var c config.TokenIssuer
	if err := config.ParseBundled(data, name, &c); err != nil {
		return nil, err
	}
	if c.Issuer == "" {
		return nil, fmt.Errorf("%s: issuer must be set", name)
	}
	keys, err := token.ParseKeys(c.Keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	allowed := make(map[string]bool, len(c.Namespaces))
	for _, ns := range c.Namespaces {
		allowed[ns] = true
	}
	return &issuer{c.Issuer, keys, func(ns string) bool { return c.AnyNamespace || allowed[ns] }}, nil
}

// trusts reports whether the ServiceAccount of id is still let in: its namespace is, and the key of its token is still its issuer's.
// When the token ends is the server's to watch.
func (p *Policy) trusts(id *Identity) bool {
	namespace, _, _ := token.Parse(id.username)
	if p.accounts == nil || p.issuer == nil || !p.issuer.allows(namespace) {
		return false
	}
	if id.away {
		return true
	}
	_, known := p.issuer.keys[id.shown.keyID]
	return known
}

// byToken says whose token a client has shown.
func (p *Policy) byToken(c Credentials, holds holder, text []byte, now time.Time) (*Identity, error) {
	if p.issuer == nil {
		return nil, fmt.Errorf("%w: the keys of tokens are not loaded", ErrBadCredentials)
	}
	v := token.Verifier{Issuer: p.issuer.name, Audiences: p.accounts.Audiences, Keys: p.issuer.keys}
	h, err := v.Verify(text, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadCredentials, err)
	}
	username := token.Username(h.Namespace, h.Name)
	switch {
	case !p.issuer.allows(h.Namespace):
		return nil, fmt.Errorf("%w: ServiceAccounts of namespace %s are not let in", ErrBadCredentials, h.Namespace)
	case c.HasUsername && c.Username != "" && c.Username != username:
		return nil, fmt.Errorf("%w: the token is of another ServiceAccount than the user name", ErrBadCredentials)
	case holds.username != "" && holds.username != username:
		return nil, fmt.Errorf("%w: the certificate and the token have different user names", ErrBadCredentials)
	}
	return &Identity{
		username: username, clientID: c.ClientID, account: true, shown: &shown{holds.cn, h.KeyID, h.Expires},
	}, nil
}

// beginToken starts an authentication in which the client shows a token.
func (a *Auth) beginToken(p *Policy, who Credentials) (*Exchange, error) {
	holds, err := p.holder(who)
	if err != nil {
		return nil, err
	}
	return &Exchange{token: func(data []byte) (*Identity, error) { return p.byToken(who, holds, data, a.now()) }}, nil
}

// show is Step of a client that shows a token: its first words, or its answer to none.
func (x *Exchange) show(data []byte) (answer []byte, id *Identity, err error) {
	if data == nil {
		return []byte{}, nil, nil
	}
	id, err = x.token(data)
	return nil, id, err
}
