package listener

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// TestReadNow: all that a client sends comes, in whatever pieces it was sent and is read, and who waits has no buffer.
func TestReadNow(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "localhost")
	pair := &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile}
	for name, test := range map[string]struct {
		tls     *config.ListenerTLS
		version uint16
		web     bool
	}{
		"TLS 1.2": {tls: pair, version: tls.VersionTLS12}, "TLS 1.3": {tls: pair, version: tls.VersionTLS13},
		"WebSocket": {web: true}, "WebSocket over TLS": {tls: pair, web: true},
	} {
		for _, size := range []int{1, 100, 64 << 10} {
			t.Run(name, func(t *testing.T) {
				var sent []byte
				for i, n := range []int{1, 3, 100, 1, 16 << 10, 5, 40_000, 200_000, 2} {
					sent = append(sent, bytes.Repeat([]byte{byte(i)}, n)...)
				}
				l := config.Listener{TLS: test.tls}
				if test.web {
					l.Protocol = config.ProtocolWS
				}
				ln := listen(t, l, io.Discard)
				client := dial(t, ln)
				go send(client, test.tls != nil, test.version, test.web, sent)
				server, ok := accept(t, ln).(Polled)
				if !ok {
					t.Fatal("it is not Polled")
				}
				if err := server.Open(); err != nil {
					t.Fatal(err)
				}
				got, err := readPolled(t, server, size)
				if !errors.Is(err, io.EOF) || !bytes.Equal(got, sent) {
					t.Errorf("%d bytes at a time: read %d, want %d; %v", size, len(got), len(sent), err)
				}
			})
		}
	}
}

// TestReadNowOfACut: who is cut off in the midst of a record is gone, though nothing tells of that after its bytes.
func TestReadNowOfACut(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "localhost")
	ln := listen(t, config.Listener{TLS: &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile}}, io.Discard)
	client := dial(t, ln)
	shaken := make(chan error, 1)
	go func() { shaken <- tls.Client(client, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	server := accept(t, ln).(Polled)
	if err := errors.Join(server.Open(), <-shaken, server.SetReadDeadline(time.Now().Add(10*time.Second))); err != nil {
		t.Fatal(err)
	}
	_, err := client.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3}) // the beginning of a record
	if err = errors.Join(err, client.(*net.TCPConn).CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if got, err := readPolled(t, server, 100); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

// send is a client that sends pieces of different sizes, each a record or a frame of its own, and says goodbye.
func send(nc net.Conn, secure bool, version uint16, web bool, data []byte) {
	to := nc
	if secure {
		to = tls.Client(slow{nc}, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	}
	first := ""
	if web {
		first = upgrade()
	}
	_, _ = io.WriteString(to, first)
	for n := 1; len(data) > 0; n = n*3 + 1 {
		part := data[:min(n, len(data))]
		data = data[len(part):]
		if web {
			part = []byte(binaryFrame(string(part)))
		}
		_, _ = to.Write(part)
	}
	if web {
		_, _ = io.WriteString(to, maskedClose)
	} else {
		_ = to.(*tls.Conn).CloseWrite()
	}
}

// maskedClose is a client's close frame without a status.
var maskedClose = frame(8, true, "")

// slow writes the first byte of what it is given by itself: records are not whole when they come.
type slow struct{ net.Conn }

// Write implements net.Conn.
func (s slow) Write(p []byte) (int, error) {
	if _, err := s.Conn.Write(p[:1]); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(p[1:])
	return n + 1, err
}

// readPolled reads all that comes, so many bytes at a time, waiting for the socket only.
func readPolled(t *testing.T, c Polled, size int) (all []byte, err error) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, size)
	for {
		var n int
		var failure error
		if err := raw.Read(func(fd uintptr) bool {
			n, failure = c.ReadNow(fd, p)
			if again := errors.Is(failure, syscall.EAGAIN); again {
				if s, ok := c.(*secured); ok && s.feed.ahead != nil {
					t.Error("a buffer is held while it waits")
				}
				return false
			}
			return true
		}); err != nil {
			return all, err
		}
		all = append(all, p[:n]...)
		if failure != nil {
			return all, failure
		}
	}
}
