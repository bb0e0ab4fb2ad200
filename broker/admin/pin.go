package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/hex"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair"
)

// secured is how the admin API is spoken. A client may show a certificate: it is its key that counts, if that is pinned, and
// not its name or who has issued it. No authority is asked, so there is none to trust, and a renewed certificate of the same
// key is good. A certificate of another key is as good as none.
func secured(pair *keypair.Pair) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         pair.Certificate,
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
	}
}

// isPinned says whether the SHA-256 of a key, a SubjectPublicKeyInfo, is one of pins, in hexadecimal. It compares with every pin, in constant time.
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
