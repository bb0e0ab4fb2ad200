package auth

import (
	"crypto/x509"
	"sync/atomic"
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
	cn        string // the Common Name of its certificate; "": it has none
	anonymous bool
	certified bool // its certificate was enough, so there is no line
	away      bool // made by Recall or Away: there is no connection to be good for
	view      atomic.Pointer[view]
}

// Username is the user's name; "" for an anonymous client.
func (id *Identity) Username() string { return id.username }

// ClientID is the client identifier that the client, or the broker for it, chose: it proves nothing.
func (id *Identity) ClientID() string { return id.clientID }

// Anonymous reports whether the client proved no user name.
func (id *Identity) Anonymous() bool { return id.anonymous }
