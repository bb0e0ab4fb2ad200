package adminapi

import (
	"context"
	"fmt"
	"io"
	"time"
)

// stallError is why a transfer that stands still is ended.
type stallError struct{ limit time.Duration }

// Error names the limit.
func (e stallError) Error() string { return fmt.Sprintf("nothing has moved for %s", e.limit) }

// motion ends ctx when a stream stands still.
type motion struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

func watch(ctx context.Context, limit time.Duration) *motion {
	m := &motion{limit: limit}
	m.ctx, m.cancel = context.WithCancelCause(ctx)
	m.timer = time.AfterFunc(limit, func() { m.cancel(stallError{limit}) })
	return m
}

// stop ends the watch.
func (m *motion) stop() {
	m.timer.Stop()
	m.cancel(nil)
}

// explain is err with what was being done, and with why, if it was ended on purpose.
func (m *motion) explain(doing string, err error) error {
	if cause := context.Cause(m.ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// movingReader reports that the stream moves. What comes after its end is not watched.
type movingReader struct {
	from io.Reader
	*motion
}

// Read implements io.Reader.
func (r *movingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err == nil {
		r.timer.Reset(r.limit)
	} else {
		r.timer.Stop()
	}
	return n, err
}
