package listener

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair"
)

// What an End is of.
const (
	EndOfCertificate = "certificate"
	EndOfClientCA    = "client_ca"
	EndOfList        = "revocation_list"
)

// End is when something in a file is good no longer.
type End struct {
	Kind string // one of the constants above
	Path string
	At   time.Time
}

// Ends are those of the certificates, client CAs and revocation lists that are in use now. None: there is no TLS. A list
// that names no end has none.
func (l *Listener) Ends() []End {
	var ends []End
	for _, pair := range l.served {
		ends = append(ends, endOf(pair))
	}
	if l.trust == nil {
		return ends
	}
	a := l.trust.current.Load()
	for _, ca := range a.cas {
		ends = append(ends, End{EndOfClientCA, l.trust.caFile, ca.NotAfter})
	}
	for _, list := range a.lists {
		if !list.NextUpdate.IsZero() {
			ends = append(ends, End{EndOfList, list.file, list.NextUpdate})
		}
	}
	return ends
}

func endOf(pair *keypair.Pair) End {
	c, _ := pair.Certificate(nil) // it never fails
	return End{EndOfCertificate, pair.CertFile(), c.Leaf.NotAfter}
}
