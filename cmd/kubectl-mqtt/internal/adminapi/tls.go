package adminapi

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// ClientTLS is the client's side of the admin API, of what is in PEM: the pair that the broker has pinned, and the CA
// of the broker's certificate.
func ClientTLS(certPEM, keyPEM, caPEM []byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("read the client's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("read the CA: there is no certificate in it")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots,
		ServerName: children.AdminServerName, MinVersion: tls.VersionTLS13,
	}, nil
}
