package auth

import (
	"crypto/x509"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/token"
)

// holder is what a client's certificate says of it; zero: it has none.
type holder struct {
	username string // ""; the certificate names no user, or is not asked to
	cn       string // the subject's Common Name
}

// holder reads the certificate of a client. Where certificates name users, one that names none, and a CONNECT that
// names another, are ErrBadCredentials; so is a name that no file of users knows, unless that is allowed.
func (p *Policy) holder(c Credentials) (holder, error) {
	if c.Certificate == nil {
		return holder{}, nil
	}
	h := holder{cn: c.Certificate.Subject.CommonName}
	if p.certificate == nil {
		return h, nil
	}
	field := p.certificate.UsernameFrom
	h.username = nameIn(c.Certificate, field)
	switch {
	case h.username == "":
		return holder{}, fmt.Errorf("%w: the client certificate has no %s to be the user name", ErrBadCredentials, field)
	case !utf8.ValidString(h.username) || strings.ContainsRune(h.username, 0):
		return holder{}, fmt.Errorf("%w: the client certificate's %s cannot be a user name", ErrBadCredentials, field)
	case c.HasUsername && c.Username != "" && c.Username != h.username:
		return holder{}, fmt.Errorf("%w: the client certificate is of another user", ErrBadCredentials)
	case token.Reserved(h.username):
		return holder{}, fmt.Errorf("%w: the client certificate's %s is a name that only ServiceAccounts have", ErrBadCredentials, field)
	case !p.certifies(h.username):
		return holder{}, fmt.Errorf("%w: the user of the client certificate is not known", ErrBadCredentials)
	}
	return h, nil
}

// nameIn is what a certificate has as field, of several the first; "": nothing.
func nameIn(c *x509.Certificate, field config.CertificateField) string {
	switch {
	case field == config.CommonName:
		return c.Subject.CommonName
	case field == config.DNSName && len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case field == config.URI && len(c.URIs) > 0:
		return c.URIs[0].String()
	}
	return ""
}

// certifies reports whether a certificate is enough for that user: it is one of those that the files have, or it need
// not be.
func (p *Policy) certifies(username string) bool {
	return p.certificate != nil && (!p.users || p.certificate.AnyUser) || p.knows(username)
}

// knows reports whether a file of users has that name.
func (p *Policy) knows(username string) bool {
	_, listed := p.groups[username]
	return listed || p.passwords.Has(username)
}

// commonName is that of id's certificate. The broker that stored the session of a client that is away kept its user name
// only, which says it where that is where user names are from.
func (p *Policy) commonName(id *Identity) string {
	cn := id.shown.commonName()
	if cn == "" && id.away && p.certificate != nil && p.certificate.UsernameFrom == config.CommonName {
		return id.username
	}
	return cn
}
