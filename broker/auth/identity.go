package auth

import (
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/token"
)

// Credentials is what a client's CONNECT says of who it is. MQTT 5 §3.1.3.
type Credentials struct {
	ClientID    string
	Username    string
	HasUsername bool
	// Password is read during Authenticate only.
	Password    []byte
	HasPassword bool
	// Certificate is the one that the client has proved to hold, verified; nil: none.
	Certificate *x509.Certificate
}

// Identity is who a client was found to be. It is immutable but for a cache, and good for the Policies of the Auth
// that made it: what it may do is up to the Policy of the moment, and so is whether it is still good (Policy.Valid).
type Identity struct {
	username  string
	clientID  string
	line      string // the entry of the password file that it was verified with
	shown     *shown // nil: nothing, as most that are away
	view      atomic.Pointer[view]
	anonymous bool
	certified bool // its certificate was enough, so there is no line
	account   bool // it has shown the token of the ServiceAccount that its name says
	away      bool // made by Recall or Away: there is no connection to be good for
}

// shown is what a client has shown beside a password.
type shown struct {
	cn      string    // the Common Name of its certificate; "": it has none
	keyID   string    // that its token is signed with
	expires time.Time // when the token ends; zero: there is none
}

func (s *shown) commonName() string {
	if s == nil {
		return ""
	}
	return s.cn
}

// certificate is what is shown by a certificate alone; nil: it has no Common Name.
func certificate(cn string) *shown {
	if cn == "" {
		return nil
	}
	return &shown{cn: cn}
}

// Username is the user's name; "" for an anonymous client.
func (id *Identity) Username() string { return id.username }

// ClientID is the client identifier that the client, or the broker for it, chose: it proves nothing.
func (id *Identity) ClientID() string { return id.clientID }

// Expires is when what it was authenticated by ends; zero: it does not, or the listener knows.
func (id *Identity) Expires() time.Time {
	if id.shown == nil {
		return time.Time{}
	}
	return id.shown.expires
}

// serviceAccount is NAMESPACE/NAME of the ServiceAccount that id is; "": it is none.
func (id *Identity) serviceAccount() string {
	if !id.account {
		return ""
	}
	namespace, name, _ := token.Parse(id.username)
	return namespace + "/" + name
}

// Anonymous reports whether the client proved no user name.
func (id *Identity) Anonymous() bool { return id.anonymous }
