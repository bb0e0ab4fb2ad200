package adminapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

const (
	// stallTimeout is how long a transfer may stand still.
	stallTimeout = time.Minute
	// callTimeout bounds a call that is no stream.
	callTimeout = 10 * time.Second
	// answerTimeout is how long a call that is passed on may be without an answer: less than the console waits for it.
	answerTimeout = 5 * time.Second
	// maxAnswer bounds an answer that is no stream, in bytes: a page of 1000 clients is far smaller.
	maxAnswer = 16 << 20
	// maxError bounds the text of a refusal, in bytes.
	maxError = 64 << 10
)

// Client calls the admin API of one broker.
type Client struct {
	// Stall is how long a backup or restore may stand still.
	Stall time.Duration
	// Answer is how long a call that Proxy passes on may be without an answer.
	Answer time.Duration
	base   string
	http   *http.Client
	close  func()
	why    func() error
}

// NewClient is a client of the admin API on address (host:port). Close calls closed. When a call fails, why may know
// more of it than the connection does. Both may be nil.
func NewClient(address string, secured *tls.Config, closed func(), why func() error) *Client {
	// No redirects, no proxy: it is this broker or none.
	transport := &http.Transport{TLSClientConfig: secured, DisableCompression: true}
	c := &Client{Stall: stallTimeout, Answer: answerTimeout, base: "https://" + address, http: &http.Client{Transport: transport}, why: why}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.close = func() {
		transport.CloseIdleConnections()
		if closed != nil {
			closed()
		}
	}
	return c
}

// Close ends the connection.
func (c *Client) Close() { c.close() }

// RefusedError is an answer that is not a success.
type RefusedError struct {
	Status  int    // of HTTP
	Message string // what the broker says of it
}

// Error is the broker's message.
func (e *RefusedError) Error() string { return e.Message }

// get asks for a JSON answer. doing is for the error, such as "list the clients".
func get[T any](ctx context.Context, c *Client, doing, path string) (answer T, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.call(ctx, http.MethodGet, path, nil, 0)
	if err != nil {
		return answer, fmt.Errorf("%s: %w", doing, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("%s: read the answer: %w", doing, c.explain(err))
	}
	return answer, nil
}

// remove makes a DELETE, whose answer has nothing to say.
func (c *Client) remove(ctx context.Context, doing, path string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.call(ctx, http.MethodDelete, path, nil, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return resp.Body.Close()
}

// call makes a request. An answer that is not 2xx is a *RefusedError.
func (c *Client) call(ctx context.Context, method, path string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	if body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil {
		return nil, c.explain(err)
	}
	return nil, refused(resp, path, text)
}

// refused is what a refusal says: the error of the API, or a line of text. A 404 of neither is a path that this
// broker does not have.
func refused(resp *http.Response, path string, text []byte) error {
	e := &RefusedError{Status: resp.StatusCode, Message: "the broker answers " + resp.Status}
	var said api.Error
	switch line := strings.TrimSpace(string(text)); {
	case json.Unmarshal(text, &said) == nil && said.Error != "":
		e.Message = said.Error
	case resp.StatusCode == http.StatusNotFound:
		bare, _, _ := strings.Cut(path, "?")
		e.Message = fmt.Sprintf("the broker has no %s: its version is too old for that", bare)
	case line != "":
		e.Message = line
	}
	return e
}

// explain adds to an error of the connection what else is known of it.
func (c *Client) explain(err error) error {
	if c.why != nil {
		if why := c.why(); why != nil {
			return fmt.Errorf("%w: %w", err, why)
		}
	}
	return err
}
