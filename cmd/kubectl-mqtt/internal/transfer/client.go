package transfer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

const (
	// stallTimeout is how long a stream may stand still.
	stallTimeout = time.Minute
	// callTimeout bounds a call that is no stream.
	callTimeout = 10 * time.Second
	// maxAnswer bounds the text of an answer, in bytes.
	maxAnswer = 64 << 10
)

// Client calls the admin API of one broker.
type Client struct {
	base  string
	http  *http.Client
	close func()
	why   func() error
	stall time.Duration
}

// NewClient is a client of the admin API on address (host:port). Close calls closed. When a call fails, why may know
// more of it than the connection does. Both may be nil.
func NewClient(address string, secured *tls.Config, closed func(), why func() error) *Client {
	// No redirects, no proxy: it is this broker or none.
	transport := &http.Transport{TLSClientConfig: secured, DisableCompression: true}
	c := &Client{base: "https://" + address, http: &http.Client{Transport: transport}, why: why, stall: stallTimeout}
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

// Status is how the broker is.
func (c *Client) Status(ctx context.Context) (s api.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.call(ctx, http.MethodGet, "/v1/status", nil, 0)
	if err != nil {
		return s, fmt.Errorf("ask for the broker's status: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&s); err != nil {
		return s, fmt.Errorf("read the broker's status: %w", err)
	}
	return s, nil
}

// Backup writes a backup to w and returns its bytes. An error means that what was written is none.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	moving := watch(ctx, c.stall)
	defer moving.stop()
	resp, err := c.call(moving.ctx, http.MethodGet, "/v1/backup", nil, 0)
	if err != nil {
		return 0, moving.explain("ask for a backup", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	n, err := io.Copy(w, &movingReader{resp.Body, moving})
	if err != nil {
		return n, moving.explain(fmt.Sprintf("receive the backup, after %d bytes", n), c.explain(err))
	}
	return n, nil
}

// Restore sends a backup of size bytes, and returns once the broker has checked and taken it. It takes as long as ctx
// allows after the last byte.
func (c *Client) Restore(ctx context.Context, r io.Reader, size int64) error {
	moving := watch(ctx, c.stall)
	defer moving.stop()
	resp, err := c.call(moving.ctx, http.MethodPost, "/v1/restore", &movingReader{r, moving}, size)
	if err != nil {
		return moving.explain("send the backup", err)
	}
	return resp.Body.Close()
}

// call makes a request. An answer that is not 200 is an error with its text.
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
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("the broker has no %s: its version is too old for that", path)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if said := strings.TrimSpace(string(text)); said != "" && err == nil {
		return nil, errors.New(said)
	}
	return nil, fmt.Errorf("the broker answers %s", resp.Status)
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
