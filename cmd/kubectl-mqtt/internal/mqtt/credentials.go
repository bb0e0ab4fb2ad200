package mqtt

import (
	"crypto/tls"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// Credentials are how a client says who it is: by name and password, by a certificate, or both. Zero: an anonymous client.
type Credentials struct {
	Username    string           // "" where the certificate says who it is
	Password    []byte           // nil: none
	Certificate *tls.Certificate // nil: none
}

// Put puts name and password into a CONNECT.
func (c Credentials) Put(connect *packet.Connect) {
	if c.Password != nil {
		connect.HasUsername, connect.Username, connect.HasPassword, connect.Password = true, c.Username, true, c.Password
	}
}
