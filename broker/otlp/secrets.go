package otlp

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// maxHeaders bounds the headers of a request that Secrets may have.
const maxHeaders = 64

// Secrets are what a collector is asked with, and known by, as in the files that they are from.
type Secrets struct {
	Headers []byte // a NAME: VALUE a line; empty lines and those that begin with # say nothing
	CAs     []byte // in PEM; nil: the system's
}

// headers are those that every request has. Errors name the line and never what is in it, since that may be a secret.
func (s *Secrets) headers() (http.Header, error) {
	h := make(http.Header)
	number := 0
	for line := range strings.Lines(string(s.Headers)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("line %d of the headers is not NAME: VALUE", number)
		}
		if h.Add(name, strings.TrimSpace(value)); len(h) > maxHeaders {
			return nil, fmt.Errorf("there are more than %d headers", maxHeaders)
		}
	}
	return h, nil
}

// transport is how a collector is reached that the CAs of s vouch for.
func (s *Secrets) transport() (*http.Transport, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 1, IdleConnTimeout: idleTimeout}
	if s.CAs == nil {
		return t, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CAs) {
		return nil, errors.New("there is no certificate in the file of CAs")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}

// secure has the client speak as the secrets of now ask for, and returns the headers.
func (e *Exporter) secure() (http.Header, error) {
	var now Secrets
	if e.o.Secrets != nil {
		var err error
		if now, err = e.o.Secrets(); err != nil {
			return nil, err
		}
	}
	if e.client.Transport == nil || !bytes.Equal(now.CAs, e.cas) || (now.CAs == nil) != (e.cas == nil) {
		t, err := now.transport()
		if err != nil {
			return nil, err
		}
		e.client.CloseIdleConnections()
		e.client.Transport, e.cas = t, now.CAs
	}
	return now.headers()
}
