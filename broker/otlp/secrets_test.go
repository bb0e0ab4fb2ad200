package otlp

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestSecrets: a collector that wants TLS and credentials is told spans once both are right, without a restart; until then they
// are left out, and the log says why and no secret.
func TestSecrets(t *testing.T) {
	c := &collector{status: http.StatusOK}
	asked := ""
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked = r.Header.Get("Authorization") + "|" + r.Header.Get("X-Scope"); asked != "Bearer hush: hush|plant" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	c.Config.ErrorLog = nil
	c.StartTLS()
	t.Cleanup(c.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
	const right = "# of the plant\nAuthorization: Bearer hush: hush\n\nX-Scope:plant\r\n"
	e, log, _ := c.exporter(t, 100)
	for _, test := range []struct {
		headers string
		cas     []byte
		err     error
		want    string // in the log; "": the collector has them
	}{
		{right, nil, nil, "certificate signed by unknown authority"},
		{right, []byte("hush"), nil, "there is no certificate in the file of CAs"},
		{"", ca, nil, "the collector answers 401 Unauthorized"},
		{"X-Scope: plant\nhush\n", ca, nil, "line 2 of the headers is not NAME: VALUE"},
		{"bad name: hush\n", ca, nil, "line 1 of the headers is not NAME: VALUE"},
		{"Authorization: hu\x00sh\n", ca, nil, "invalid header field value"},
		{strings.Repeat("A: hush\n", 3) + manyHeaders(), ca, nil, "more than 64 headers"},
		{right, ca, errors.New("no such file"), "no such file"},
		{right, ca, nil, ""},
		{"", ca, nil, "401"},
		{right, ca, nil, ""},
		{right, nil, nil, "certificate signed by unknown authority"},
	} {
		log.Reset()
		asked = ""
		e.o.Secrets = func() (Secrets, error) { return Secrets{[]byte(test.headers), test.cas}, test.err }
		e.End(e.Begin(parent), "")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e.Run(ctx)
		if got := log.String(); (test.want == "") != (got == "") || !strings.Contains(got, test.want) || strings.Contains(got, "hush") {
			t.Errorf("%.40q: the log says %s, want %q", test.headers, got, test.want)
		}
		if test.want == "" && asked == "" {
			t.Errorf("%.40q: the collector was not asked", test.headers)
		}
	}
}

func manyHeaders() string {
	var b strings.Builder
	for i := range maxHeaders {
		b.WriteString("X-" + strings.Repeat("y", i) + "z: hush\n")
	}
	return b.String()
}
