package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"
	"errors"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair"
)

// pinned lets in clients whose key, not whose name or certificate, is one of pins: hex SHA-256 of its
// SubjectPublicKeyInfo. No authority is asked, so there is none to trust, and a renewed certificate of the same key is good.
func pinned(pair *keypair.Pair, pins []string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         pair.Certificate,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !isPinned(s.PeerCertificates[0].RawSubjectPublicKeyInfo, pins) {
				return errors.New("admin API: the client's key is not pinned by admin.clientKeyPins")
			}
			return nil
		},
	}
}

// isPinned compares with every pin, in constant time.
func isPinned(publicKey []byte, pins []string) bool {
	sum := sha256.Sum256(publicKey)
	found := 0
	for _, pin := range pins {
		want, err := hex.DecodeString(pin)
		if err == nil {
			found |= subtle.ConstantTimeCompare(sum[:], want)
		}
	}
	return found == 1
}
