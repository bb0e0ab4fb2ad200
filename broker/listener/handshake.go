package listener

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

const (
	headFirst = 1 << 10  // bytes of a request to begin with: most fit
	headMost  = 16 << 10 // and the most: browsers send cookies
	// answerTimeout is how long a peer has to take an answer that it has asked for.
	answerTimeout = 5 * time.Second
)

// subprotocols are MQTT's names in the handshake; that of version 3.1 is from before the standard. [MQTT-6.0.0-3]
var subprotocols = []string{"mqtt", "mqttv3.1"}

var (
	errHeadTooLarge = fmt.Errorf("the HTTP request's head has more than %d bytes", headMost)
	errNotHTTP      = errors.New("this is not HTTP")
	errBadOrigin    = errors.New("no script of this origin may connect")
)

// endpoint is what is asked of a WebSocket handshake.
type endpoint struct {
	path    string
	origins []string // in lower case; empty: all
}

func newEndpoint(path string, origins []string) *endpoint {
	if path == "" {
		path = config.DefaultPath
	}
	e := &endpoint{path: path}
	for _, origin := range origins {
		e.origins = append(e.origins, strings.ToLower(origin))
	}
	return e
}

// shake reads the request and answers it. It returns what has come behind the request. Where the error is not one of
// nc's, the answer was an HTTP error.
func (e *endpoint) shake(nc net.Conn) (ahead []byte, err error) {
	head, ahead, err := readHead(nc)
	var answer bytes.Buffer
	switch {
	case errors.Is(err, errHeadTooLarge):
		refuse(&answer, http.StatusRequestHeaderFieldsTooLarge, err)
	case errors.Is(err, errNotHTTP):
		refuse(&answer, http.StatusBadRequest, err)
	case err != nil:
		return nil, err
	default:
		err = e.answer(head, &answer)
	}
	if deadline := nc.SetWriteDeadline(time.Now().Add(answerTimeout)); deadline != nil {
		return nil, deadline
	}
	if _, lost := nc.Write(answer.Bytes()); lost != nil {
		return nil, lost
	}
	return ahead, errors.Join(err, nc.SetWriteDeadline(time.Time{}))
}

// readHead reads an HTTP request up to its empty line; ahead is what came behind that.
func readHead(nc net.Conn) (head, ahead []byte, err error) {
	b := make([]byte, 0, headFirst)
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
		n, err := nc.Read(b[len(b):min(cap(b), headMost)])
		if n == 0 && err != nil {
			return nil, nil, err
		}
		from := max(0, len(b)-3)
		b = b[:len(b)+n]
		if b[0] < 'A' || b[0] > 'Z' { // MQTT or TLS, likely: no method begins so
			return nil, nil, errNotHTTP
		}
		if end := bytes.Index(b[from:], []byte("\r\n\r\n")); end >= 0 {
			end += from + 4
			return b[:end], bytes.Clone(b[end:]), nil
		}
		if len(b) >= headMost {
			return nil, nil, errHeadTooLarge
		}
	}
}

// answer writes the answer to the request in head.
func (e *endpoint) answer(head []byte, answer *bytes.Buffer) error {
	offered := false
	upgrader := ws.Upgrader{
		ReadBufferSize: headMost, // of a line
		OnRequest:      e.checkPath,
		OnHeader:       e.checkOrigin,
		Protocol: func(name []byte) bool { // [MQTT-6.0.0-4]
			offered = offered || slices.Contains(subprotocols, string(name))
			return slices.Contains(subprotocols, string(name))
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if !offered {
				return nil, reject(http.StatusBadRequest, errors.New("the sub-protocol mqtt must be offered (Sec-WebSocket-Protocol: mqtt)"))
			}
			return nil, nil
		},
	}
	_, err := upgrader.Upgrade(struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(head), answer})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ws.ErrHandshakeBadUpgrade), errors.Is(err, ws.ErrHandshakeBadConnection):
		err = errors.New("only WebSocket is spoken here: the request asks for no upgrade to it")
		answer.Reset()
		refuse(answer, http.StatusUpgradeRequired, err)
	case answer.Len() == 0:
		refuse(answer, http.StatusBadRequest, err)
	}
	return fmt.Errorf("WebSocket handshake: %w", err)
}

func (e *endpoint) checkPath(uri []byte) error {
	u, err := url.ParseRequestURI(string(uri))
	if err != nil {
		return reject(http.StatusBadRequest, errors.New("malformed request target"))
	}
	if u.Path != e.path {
		return reject(http.StatusNotFound, fmt.Errorf("nothing is served at %.60q", u.Path))
	}
	return nil
}

// checkOrigin holds the pages of a browser to the list. What is no browser can say what it likes.
func (e *endpoint) checkOrigin(key, value []byte) error {
	if len(e.origins) == 0 || !strings.EqualFold(string(key), "Origin") || slices.Contains(e.origins, strings.ToLower(string(value))) {
		return nil
	}
	return reject(http.StatusForbidden, errBadOrigin)
}

func reject(status int, err error) error {
	return ws.RejectConnectionError(ws.RejectionStatus(status), ws.RejectionReason(err.Error()))
}

// refuse writes an HTTP error that ends the connection.
func refuse(answer *bytes.Buffer, status int, err error) {
	upgrade := ""
	connection := "close"
	if status == http.StatusUpgradeRequired { // RFC 9110 §15.5.22
		upgrade, connection = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", "Upgrade, close"
	}
	text := err.Error() + "\n"
	fmt.Fprintf(answer, "HTTP/1.1 %d %s\r\n%sConnection: %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), upgrade, connection, len(text), text)
}
