package listener

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// upgrade is a handshake that succeeds; more are header lines of its own, which may come first.
func upgrade(more ...string) string {
	lines := append([]string{"GET /mqtt HTTP/1.1", "Host: broker"}, more...)
	for _, line := range []string{"Upgrade: websocket", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: mqtt",
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"} {
		name, _, _ := strings.Cut(line, ":")
		if !strings.Contains(strings.Join(more, "\n"), name+":") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// frame is a client's frame.
func frame(op ws.OpCode, fin bool, payload string) string {
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload)))); err != nil {
		panic(err)
	}
	return b.String()
}

func binaryFrame(payload string) string { return frame(ws.OpBinary, true, payload) }

// readFrame reads a frame of the broker's.
func readFrame(t *testing.T, r io.Reader) (ws.Header, []byte) {
	t.Helper()
	h, err := ws.ReadHeader(r)
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, min(h.Length, 1<<20))
	if _, err := io.ReadFull(r, payload); err != nil {
		t.Fatal(err)
	}
	return h, payload
}

func listenWS(t *testing.T, l config.ListenerSettings, tls *config.ListenerTLS) *Listener {
	l.Protocol = config.ProtocolWS
	return listen(t, config.Listener{ListenerSettings: l, TLS: tls}, io.Discard)
}

// talk sends text to a listener and returns all that the broker's side reads of it, with the error at its end, and
// what it answers.
func talk(t *testing.T, ln *Listener, text string) (read, answer string, failure error) {
	t.Helper()
	c := dial(t, ln)
	go func() {
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	server := accept(t, ln)
	var got bytes.Buffer
	_, failure = io.Copy(&got, struct{ io.Reader }{server})
	_ = server.Close()
	reply, err := io.ReadAll(c)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return got.String(), string(reply), failure
}

func TestHandshake(t *testing.T) {
	ln := listenWS(t, config.ListenerSettings{Origins: []string{"https://App.example.com"}}, nil)
	tests := []struct{ name, request, status, has string }{
		{"a client", upgrade(), "101", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
		{"sub-protocol", upgrade("Sec-WebSocket-Protocol: chat, mqtt"), "101", "Sec-WebSocket-Protocol: mqtt\r\n"},
		{"of 3.1", upgrade("Sec-WebSocket-Protocol: mqttv3.1"), "101", "Sec-WebSocket-Protocol: mqttv3.1\r\n"},
		{"other sub-protocol", upgrade("Sec-WebSocket-Protocol: chat"), "400", "mqtt must be offered"},
		{"no sub-protocol", strings.Replace(upgrade(), "Sec-WebSocket-Protocol", "X", 1), "400", "mqtt must be offered"},
		{"its origin", upgrade("Origin: HTTPS://app.example.com"), "101", ""},
		{"another origin", upgrade("Origin: https://evil.example.com"), "403", "origin"},
		{"no origin of its own", upgrade("Origin: null"), "403", "origin"},
		{"second origin", upgrade("Origin: https://app.example.com", "Origin: https://evil.example.com"), "403", "origin"},
		{"query", strings.Replace(upgrade(), "/mqtt", "/mqtt?token=x", 1), "101", ""},
		{"another path", strings.Replace(upgrade(), "/mqtt", "/", 1), "404", "nothing is served"},
		{"path below", strings.Replace(upgrade(), "/mqtt", "/mqtt/x", 1), "404", "nothing is served"},
		{"plain HTTP", "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", "426", "Upgrade: websocket\r\n"},
		{"POST", "POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "405", ""},
		{"HTTP/1.0", strings.Replace(upgrade(), "HTTP/1.1", "HTTP/1.0", 1), "505", ""},
		{"another version", upgrade("Sec-WebSocket-Version: 8"), "426", "Sec-WebSocket-Version: 13\r\n"},
		{"short key", upgrade("Sec-WebSocket-Key: abc"), "400", ""},
		{"no target", "GET\r\n\r\n", "400", ""},
		{"bad header", "GET /mqtt HTTP/1.1\r\n:\r\n\r\n", "400", ""},
		{"MQTT", "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", "400", "not HTTP"},
		{"TLS", "\x16\x03\x01\x02\x00", "400", "not HTTP"},
		{"one long header", upgrade("Cookie: " + strings.Repeat("x", headMost)), "431", "16384"},
		{"many headers", upgrade(strings.Repeat("X: y\r\n", 5000) + "X: y"), "431", "16384"},
		{"a long cookie", upgrade("Cookie: " + strings.Repeat("x", 12_000)), "101", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, answer, failure := talk(t, ln, test.request)
			if !strings.HasPrefix(answer, "HTTP/1.1 "+test.status+" ") || !strings.Contains(answer, test.has) {
				t.Errorf("want %s and %q:\n%s", test.status, test.has, answer)
			}
			if (failure == nil) != (test.status == "101") {
				t.Errorf("Read() = %v", failure)
			}
			if strings.Contains(answer, "permessage-deflate") {
				t.Error("compression was agreed on")
			}
			if r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil); err != nil {
				t.Errorf("not an HTTP response: %v\n%s", err, answer)
			} else if body, err := io.ReadAll(r.Body); test.status != "101" && (err != nil || len(body) == 0) {
				t.Errorf("an error without a word: %q, %v", body, err)
			}
		})
	}
}

func TestNoOriginsLetsAllIn(t *testing.T) {
	_, answer, failure := talk(t, listenWS(t, config.ListenerSettings{Path: "/"}, nil),
		strings.Replace(upgrade("Origin: https://any.example.com"), "/mqtt", "/", 1))
	if failure != nil || !strings.HasPrefix(answer, "HTTP/1.1 101 ") {
		t.Errorf("%v:\n%s", failure, answer)
	}
}

// after is what follows the handshake's answer.
func after(answer string) string {
	_, rest, _ := strings.Cut(answer, "\r\n\r\n")
	return rest
}

func closeFrame(status ws.StatusCode) string {
	return string(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(status, ""))))
}

func TestFrames(t *testing.T) {
	ln := listenWS(t, config.ListenerSettings{}, nil)
	large := strings.Repeat("0123456789", 20_000)
	normal := closeFrame(ws.StatusNormalClosure)
	header := func(b ...byte) string { return string(b) }
	huge := func(n uint64) string {
		return string(binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, n)) + "mask"
	}
	tests := []struct{ name, frames, read, answer string }{
		{"one", binaryFrame("abc"), "abc", normal},
		{"several packets in one frame, and across", binaryFrame("abcabcab") + binaryFrame("c"), "abcabcabc", normal},
		{"fragments", frame(ws.OpBinary, false, "ab") + frame(ws.OpContinuation, false, "") + frame(ws.OpContinuation, true, "cd"), "abcd", normal},
		{"empty", binaryFrame("") + binaryFrame("x"), "x", normal},
		{"126 bytes", binaryFrame(large[:126]), large[:126], normal},
		{"large", binaryFrame(large), large, normal},
		{"ping", binaryFrame("a") + frame(ws.OpPing, true, "hello") + binaryFrame("b"), "ab", "\x8a\x05hello" + normal},
		{"empty ping, at the end", frame(ws.OpPing, true, ""), "", "\x8a\x00" + normal},
		{"ping between fragments", frame(ws.OpBinary, false, "a") + frame(ws.OpPing, true, "p") + frame(ws.OpContinuation, true, "b"), "ab", "\x8a\x01p" + normal},
		{"pong", frame(ws.OpPong, true, "unasked") + binaryFrame("a"), "a", normal},
		{"close", binaryFrame("a") + frame(ws.OpClose, true, "\x03\xe8bye") + binaryFrame("never"), "a", normal},
		{"close without a status", frame(ws.OpClose, true, "") + binaryFrame("never"), "", normal},

		{"bad close: one byte", frame(ws.OpClose, true, "\x03"), "", closeFrame(1002)},
		{"bad close: status", frame(ws.OpClose, true, "\x03\xed"), "", closeFrame(1002)},
		{"text", binaryFrame("a") + frame(ws.OpText, true, "b"), "a", closeFrame(1003)},
		{"not masked", binaryFrame("a") + "\x82\x01b", "a", closeFrame(1002)},
		{"reserved bit, as of compression", header(0xc2, 0x81) + "maskx", "", closeFrame(1002)},
		{"reserved operation", header(0x83, 0x81) + "maskx", "", closeFrame(1002)},
		{"continuation of nothing", frame(ws.OpContinuation, true, "x"), "", closeFrame(1002)},
		{"message in a message", frame(ws.OpBinary, false, "a") + binaryFrame("b"), "a", closeFrame(1002)},
		{"fragmented ping", frame(ws.OpPing, false, "x"), "", closeFrame(1002)},
		{"long ping", frame(ws.OpPing, true, large[:126]), "", closeFrame(1002)},
		{"oversized frame", binaryFrame("a") + huge(1<<31), "a", closeFrame(1009)},
		{"most oversized frame", huge(1<<63 - 1), "", closeFrame(1009)},
		{"negative length", huge(1 << 63), "", closeFrame(1002)},
		{"half a header", binaryFrame("a") + header(0x82), "a", normal},
		{"half a frame", binaryFrame("a") + binaryFrame("bcd")[:8], "abc"[:3], normal},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			read, answer, failure := talk(t, ln, upgrade()+test.frames)
			if diff := cmp.Diff(test.read, read); diff != "" {
				t.Errorf("Read() (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.answer, after(answer)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			var f *frameError
			if errors.As(failure, &f) == (test.answer[len(test.answer)-4:] == normal) {
				t.Errorf("Read() = %v", failure)
			}
		})
	}
}

// TestNeverEndingFragments: nothing is held of a message, so what ends it is its size. Counted on the way in, without
// sending it.
func TestNeverEndingFragments(t *testing.T) {
	f := &frames{state: ws.StateFragmented}
	for _, fragment := range []string{frame(ws.OpContinuation, false, strings.Repeat("x", 1000)), frame(ws.OpContinuation, false, "")} {
		f.message = maxMessage - 10*int64(len(fragment))
		for n := 0; ; n++ {
			_, err := f.unwrap([]byte(fragment), nil)
			var e *frameError
			if err == nil && n < 20 {
				continue
			}
			if !errors.As(err, &e) || e.status != ws.StatusMessageTooBig || n < 8 || n > 12 {
				t.Errorf("after %d more fragments of %d bytes: %v", n, len(fragment), err)
			}
			break
		}
		*f = frames{state: ws.StateFragmented}
	}
}

// TestFramesByTheByte cuts a stream everywhere: what comes out does not depend on how it came in.
func TestFramesByTheByte(t *testing.T) {
	wire := binaryFrame("abc") + frame(ws.OpPing, true, "ping") + frame(ws.OpBinary, false, strings.Repeat("d", 300)) +
		frame(ws.OpContinuation, true, "e") + frame(ws.OpPing, true, "") + binaryFrame(strings.Repeat("f", 70_000))
	want := "abc" + strings.Repeat("d", 300) + "e" + strings.Repeat("f", 70_000)
	for _, most := range []int{1, 2, 3, 7, 100} {
		var f frames
		var got []byte
		pings := 0
		for in := []byte(wire); len(in) > 0; {
			part := bytes.Clone(in[:min(len(in), 1+rand.IntN(most))])
			in = in[len(part):]
			n, err := f.unwrap(part, func(ws.OpCode, []byte) error { pings++; return nil })
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part[:n]...)
		}
		if string(got) != want || pings != 2 {
			t.Errorf("cut into at most %d: %d bytes and %d pings, want %d and 2", most, len(got), pings, len(want))
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(binaryFrame("abc")+frame(ws.OpPing, true, "x")+frame(ws.OpBinary, false, "d")), uint8(3))
	f.Add([]byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask"), uint8(1))
	f.Fuzz(func(t *testing.T, wire []byte, cut uint8) {
		whole, whole1 := unwrapAll(wire, len(wire))
		parts, parts1 := unwrapAll(wire, int(cut)+1)
		if whole != parts || (whole1 == nil) != (parts1 == nil) {
			t.Errorf("whole: %q, %v; in parts of %d: %q, %v", whole, whole1, cut, parts, parts1)
		}
		if len(whole) > len(wire) {
			t.Error("more came out than went in")
		}
	})
}

func unwrapAll(wire []byte, most int) (string, error) {
	var f frames
	var got []byte
	for in := bytes.Clone(wire); len(in) > 0; {
		part := in[:min(len(in), most)]
		in = in[len(part):]
		n, err := f.unwrap(part, func(op ws.OpCode, p []byte) error {
			if op == ws.OpClose {
				return closed(p)
			}
			return nil
		})
		got = append(got, part[:n]...)
		if err != nil {
			return string(got), err
		}
	}
	return string(got), nil
}

func TestWriteFrames(t *testing.T) {
	ln := listenWS(t, config.ListenerSettings{}, nil)
	c := dial(t, ln)
	if _, err := io.WriteString(c, upgrade()+binaryFrame("x")); err != nil {
		t.Fatal(err)
	}
	server := accept(t, ln)
	if n, err := server.Write([]byte("too early")); n != 0 || err == nil {
		t.Errorf("Write() before the handshake = %d, %v", n, err)
	}
	if _, err := server.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	if _, err := http.ReadResponse(br, nil); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 125, 126, frameBuffer - 4, frameBuffer - 3, frameBuffer, maxSent, maxSent + 1, 300_000} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		go func() {
			if n, err := server.Write(sent); n != size || err != nil {
				t.Errorf("Write() of %d = %d, %v", size, n, err)
			}
		}()
		var got []byte
		for len(got) < size {
			h, payload := readFrame(t, br)
			if h.OpCode != ws.OpBinary || !h.Fin || h.Masked || h.Length > maxSent {
				t.Fatalf("frame %+v", h)
			}
			got = append(got, payload...)
		}
		if !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came as %d others", size, len(got))
		}
	}
}

// TestPongWhileWriting: writers and a client that pings meet; every frame stays whole, and the last ping is answered.
func TestPongWhileWriting(t *testing.T) {
	ln := listenWS(t, config.ListenerSettings{}, nil)
	c := dial(t, ln)
	if _, err := io.WriteString(c, upgrade()+binaryFrame("x")); err != nil {
		t.Fatal(err)
	}
	server := accept(t, ln)
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{server})
	}()
	br := bufio.NewReader(c)
	if _, err := http.ReadResponse(br, nil); err != nil {
		t.Fatal(err)
	}
	const rounds = 300
	for range 3 {
		go func() {
			for range rounds {
				_, _ = server.Write(bytes.Repeat([]byte{1}, 5000))
			}
		}()
	}
	go func() {
		for i := range rounds {
			_, _ = io.WriteString(c, frame(ws.OpPing, true, fmt.Sprint(i)))
		}
	}()
	bytesLeft, last := 3*rounds*5000, false
	for bytesLeft > 0 || !last {
		h, payload := readFrame(t, br)
		switch h.OpCode {
		case ws.OpBinary:
			bytesLeft -= len(payload)
		case ws.OpPong:
			last = last || string(payload) == fmt.Sprint(rounds-1)
		default:
			t.Fatalf("frame %+v", h)
		}
	}
}

// pipeEnd is an end of a pipe, which has no descriptor.
type pipeEnd struct{ net.Conn }

// SyscallConn implements Conn.
func (pipeEnd) SyscallConn() (syscall.RawConn, error) { return nil, syscall.ENOTSUP }

// openPipe is an open webSocket on a pipe, which holds nothing, and its other end.
func openPipe() (*webSocket, net.Conn) {
	ours, theirs := net.Pipe()
	c := &webSocket{Conn: pipeEnd{ours}, endpoint: newEndpoint("", nil)}
	c.open.Store(true)
	return c, theirs
}

// TestPongAfterWrite: a ping that comes while a write is blocked is answered by who writes.
func TestPongAfterWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := openPipe()
		go func() { _, _ = server.Write([]byte("first")) }()
		synctest.Wait()
		go func() { _, _ = server.Read(make([]byte, 10)) }()
		for _, ping := range []string{"one", "two"} { // of several, the last
			if _, err := io.WriteString(client, frame(ws.OpPing, true, ping)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for _, want := range []string{"first", "two"} {
			if _, payload := readFrame(t, client); string(payload) != want {
				t.Errorf("got %q, want %q", payload, want)
			}
		}
		_ = client.Close()
	})
}

// TestPingsWithoutReading: a peer that pings and never reads is not waited for.
func TestPingsWithoutReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := openPipe()
		go func() { _, _ = io.WriteString(client, frame(ws.OpPing, true, "x")) }()
		start := time.Now()
		if _, err := server.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != answerTimeout {
			t.Errorf("Read() = %v after %v", err, time.Since(start))
		}
		if _, err := server.Write([]byte("x")); err == nil {
			t.Error("Write() after half a frame succeeds")
		}
		_, _ = server.Close(), client.Close()
	})
}

func TestSlowHandshake(t *testing.T) {
	ln := listenWS(t, config.ListenerSettings{}, nil)
	for _, text := range []string{"", "G", "GET /mqtt HTTP/1.1\r\nHost: x\r\n"} {
		c := dial(t, ln)
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		server := accept(t, ln)
		if err := server.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read() after %q = %v, want the deadline's error", text, err)
		}
	}
}

// TestCloseOfBlocked: closing a connection whose peer reads nothing does not wait for it.
func TestCloseOfBlocked(t *testing.T) {
	ln := listenWS(t, config.ListenerSettings{}, nil)
	c := dial(t, ln)
	if _, err := io.WriteString(c, upgrade()+binaryFrame("x")); err != nil {
		t.Fatal(err)
	}
	server := accept(t, ln)
	if _, err := server.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for {
			if _, err := server.Write(make([]byte, 1<<20)); err != nil {
				done <- err
				return
			}
		}
	}()
	time.AfterFunc(100*time.Millisecond, func() { _ = server.Close() })
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Write goes on after Close")
	}
}

func TestSecureWebSocket(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "localhost")
	ln := listenWS(t, config.ListenerSettings{}, &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile})
	for range 2 {
		c := tls.Client(dial(t, ln), &tls.Config{InsecureSkipVerify: true})
		server := make(chan net.Conn)
		go func() {
			s, err := ln.Accept()
			if err == nil {
				_, err = s.Read(make([]byte, 10))
			}
			if err == nil {
				_, err = io.WriteString(s, "answer")
			}
			if err != nil {
				t.Error(err)
			}
			server <- s
		}()
		if _, err := io.WriteString(c, upgrade()+binaryFrame("x")); err != nil {
			t.Fatal(err)
		}
		_ = (<-server).Close()
		got, err := io.ReadAll(c)
		if want := "\x82\x06answer" + closeFrame(ws.StatusNormalClosure); err != nil || after(string(got)) != want {
			t.Errorf("answer %q, %v, want %q", after(string(got)), err, want)
		}
	}
}
