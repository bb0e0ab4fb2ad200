package listener

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// scripted is a connection whose peer sends in, at most cut bytes at a time, and then nothing more.
type scripted struct {
	net.Conn
	in  []byte
	cut int
	out bytes.Buffer
}

func (c *scripted) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.cut)], c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }
func (c *scripted) Close() error                     { return nil }

// FuzzHandshake: every whole request has one answer, a well-formed one, however the request was cut; what follows it is
// kept; and a request without an end is answered too, once it is too long.
func FuzzHandshake(f *testing.F) {
	for _, request := range []string{
		upgrade(), upgrade() + "more", "GET / HTTP/1.1\r\n\r\n", "GET /mqtt HTTP/1.0\r\n\r\n", "\x10\x00", "POST /mqtt HTTP/1.1\r\n\r\n", "GET\r\n\r\n",
		upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99"), upgrade("Sec-WebSocket-Key: "), upgrade("Origin: null"),
		upgrade("Transfer-Encoding: chunked"), "GET http://[::1/mqtt HTTP/1.1\r\n:\r\n\r\n", upgrade("Sec-WebSocket-Protocol: ,,mqtt;,\"")[:90],
	} {
		f.Add([]byte(request), uint8(7))
		f.Add([]byte(request), uint8(255))
	}
	f.Fuzz(func(t *testing.T, request []byte, cut uint8) {
		e := newEndpoint("", []string{"https://app.example.com"})
		whole := &scripted{in: bytes.Clone(request), cut: 1 << 20}
		ahead, err := e.shake(whole)
		parts := &scripted{in: bytes.Clone(request), cut: int(cut) + 1}
		if _, again := e.shake(parts); (err == nil) != (again == nil) || !bytes.Equal(whole.out.Bytes(), parts.out.Bytes()) {
			t.Errorf("whole: %v %q\nin parts of %d: %v %q", err, &whole.out, parts.cut, again, &parts.out)
		}
		if whole.out.Len() == 0 {
			if err == nil || bytes.Contains(request, []byte("\r\n\r\n")) || len(request) >= headMost {
				t.Errorf("no answer, and %v", err)
			}
			return
		}
		answer, failure := http.ReadResponse(bufio.NewReader(bytes.NewReader(whole.out.Bytes())), nil)
		if failure != nil {
			t.Fatalf("%v: %q", failure, &whole.out)
		}
		if (answer.StatusCode == http.StatusSwitchingProtocols) != (err == nil) {
			t.Errorf("%s with %v", answer.Status, err)
		}
		if answer.Header.Get("Sec-WebSocket-Extensions") != "" {
			t.Error("an extension was agreed on")
		}
		if err == nil && !strings.HasSuffix(string(request[:len(request)-len(whole.in)]), string(ahead)) {
			t.Errorf("%q came behind the request", ahead)
		}
	})
}

// FuzzProxyParse: a header that was taken for whole is parsed to its last byte, or refused.
func FuzzProxyParse(f *testing.F) {
	f.Add([]byte(v1))
	f.Add([]byte("PROXY TCP6 ::1 ::1 1 65536\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	for _, rest := range []string{"\x21\x11\x00\x0c123456789012", "\x20\x00\x00\x00", "\x21\x31\x00\x01x", "\x21\x21\x00\x03\x04\x00\x00", "\x2f\xff\x00\x00"} {
		f.Add([]byte(string(proxyproto.SIGV2) + rest))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		size, err := headerSize(b)
		if err != nil || size > len(b) || len(b) == 0 {
			return
		}
		in := bufio.NewReaderSize(bytes.NewReader(b[:size]), size)
		h, err := proxyproto.Read(in)
		if err != nil {
			return
		}
		if in.Buffered() > 0 {
			t.Errorf("%d bytes of %q are left for the client to speak with", in.Buffered(), b[:size])
		}
		if h.SourceAddr != nil && h.SourceAddr.String() == "" {
			t.Error("an address without a text")
		}
	})
}
