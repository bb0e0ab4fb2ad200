package adminapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Backup writes a backup to w and returns its bytes. An error means that what was written is none.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	moving := watch(ctx, c.Stall)
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
	moving := watch(ctx, c.Stall)
	defer moving.stop()
	resp, err := c.call(moving.ctx, http.MethodPost, "/v1/restore", &movingReader{r, moving}, size)
	if err != nil {
		return moving.explain("send the backup", err)
	}
	return resp.Body.Close()
}
