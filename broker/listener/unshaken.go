package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// errClientCertificate is in each error about a client's certificate.
var errClientCertificate = errors.New("client certificate")

// IsClientHello reports whether what a client sent first begins as a TLS handshake does. No MQTT packet does: of type CONNECT, it would
// have flags.
func IsClientHello(data []byte) bool {
	const handshake, major = 0x16, 0x03
	return len(data) > 1 && data[0] == handshake && data[1] == major
}

// Unshaken says why the TLS handshake of a connection from Accept, which err has ended, was not made and, where it is known, what to do. ""
// is that there was none: it was made, there is no TLS, or the client has said nothing at all, as a load balancer that looks whether we
// are there. There are but few such sentences, whatever clients send, so that failures can be counted by them; a name that is in one is of
// a CA that is trusted.
func Unshaken(nc net.Conn, err error) string {
	s := below[*secured](nc)
	if s == nil || s.ConnectionState().HandshakeComplete || errors.Is(err, io.EOF) && !s.feed.heard {
		return ""
	}
	if said := s.feed.last.said(); said != "" {
		return whyAlerted(said)
	}
	return whyUnshaken(err)
}

// alert is a TLS record with an alert as it is where nothing is encrypted yet. Clients with OpenSSL end handshakes of TLS 1.3 by such, which
// crypto/tls, as the standard has it, takes for a broken record. [RFC 8446 §6]
type alert [7]byte

// said is the alert's name; "": it is none.
func (a alert) said() string {
	const record, major, length, fatal = 21, 3, 2, 2
	if a[0] != record || a[1] != major || a[3] != 0 || a[4] != length || a[5] != fatal {
		return ""
	}
	return strings.TrimPrefix(tls.AlertError(a[6]).Error(), "tls: ")
}

func whyUnshaken(err error) string {
	var record tls.RecordHeaderError
	var network *net.OpError
	switch {
	case errors.As(err, &record):
		return "the client does not speak TLS, which this listener does"
	case errors.Is(err, errClientCertificate):
		return whyUntrusted(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the client has gone in the midst of the TLS handshake, as some do that do not take the listener's certificate"
	case errors.As(err, &network) && network.Op == "remote error":
		return whyAlerted(strings.TrimPrefix(network.Err.Error(), "tls: ")) // of TLS 1.2, or encrypted
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the TLS handshake was not over in time"
	}
	for _, known := range unshaken {
		if strings.Contains(err.Error(), known.part) {
			return known.why
		}
	}
	return "the TLS handshake failed"
}

// unshaken is what crypto/tls says of clients in texts alone.
var unshaken = []struct{ part, why string }{
	{"didn't provide a certificate", "the client has sent no certificate, which this listener requires"},
	{"offered only unsupported versions", "the client speaks only versions of TLS below this listener's least"},
	{"no cipher suite supported", "the client and this listener have no cipher suite in common"},
}

// whyUntrusted is whyUnshaken of a certificate that was not taken.
func whyUntrusted(err error) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "the client's certificate is not of a CA that this listener trusts"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the client's certificate has expired, or is not valid yet"
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "the client's certificate is not for client authentication"
	case errors.As(err, &invalid):
		return "the client's certificate is not valid"
	}
	return err.Error() // a CA that is trusted has issued it
}

// whyAlerted is whyUnshaken of a client that has ended the handshake with an alert.
func whyAlerted(said string) string {
	switch said {
	case "unknown certificate authority", "bad certificate", "unknown certificate", "expired certificate", "revoked certificate", "unsupported certificate":
		return "the client does not take this listener's certificate (" + said + "): it is to trust the CA, and to connect by a name that is in the certificate"
	}
	return "the client has ended the TLS handshake (" + said + ")"
}
