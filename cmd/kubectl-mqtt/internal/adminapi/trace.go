package adminapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// maxEvent bounds a line of a trace, in bytes: 1024 of payload, and names.
const maxEvent = 1 << 20

// TraceQuery says which packets to trace. Zero: all.
type TraceQuery struct {
	Client, User string
	Topic        string // a filter
	Payload      bool   // with the beginning of each payload
}

// Trace tells each of the packets as they come, until ctx is done, which is no error, or told returns an error.
func (c *Client) Trace(ctx context.Context, q TraceQuery, told func(api.Event) error) error {
	query := url.Values{}
	set(query, "client", q.Client)
	set(query, "user", q.User)
	set(query, "topic", q.Topic)
	if q.Payload {
		query.Set("payload", "true")
	}
	resp, err := c.call(ctx, http.MethodGet, "/v1/trace?"+query.Encode(), nil, 0)
	if err != nil {
		return unlessDone(ctx, fmt.Errorf("ask for a trace: %w", err))
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 { // so that a stream with nothing to say is seen to live
			continue
		}
		var e api.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("read the trace: %w", err)
		}
		if err := told(e); err != nil {
			return err
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF // the broker ends a trace only when it goes
	}
	return unlessDone(ctx, fmt.Errorf("read the trace: %w", c.explain(err)))
}

// unlessDone is err, unless it only says that ctx is done.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
