package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
)

// pollInterval is how often a broker that starts again is asked whether it is ready.
const pollInterval = 500 * time.Millisecond

// Open opens the backup in file, to be restored, and returns its bytes.
func Open(file string) (*os.File, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, fmt.Errorf("read backup: %w", err)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a file", file)
	case info.Size() == 0:
		err = fmt.Errorf("%s is empty", file)
	default:
		return f, info.Size(), nil
	}
	return nil, 0, errors.Join(fmt.Errorf("read backup: %w", err), f.Close())
}

// Load has the broker replace what it keeps by the backup in f, of size bytes, and waits until it has started again and is ready,
// for at most patience after it has taken the backup. sent is called then.
func Load(ctx context.Context, t adminapi.Target, f *os.File, size int64, patience time.Duration, progress Progress, sent func()) error {
	c, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	before, err := c.Status(ctx) // it is another instance afterwards
	if err != nil {
		return err
	}
	if err := c.Restore(ctx, &counted{from: f, progress: progress}, size); err != nil {
		return err
	}
	sent()
	waiting, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it is not ready after %s", patience))
	defer cancel()
	if err := await(waiting, t, before.Instance); err != nil {
		return fmt.Errorf("%s has taken the backup, but: %w: see its log (%s)", t.Name, err, t.Logs)
	}
	return nil
}

// await waits for another instance than before, until it is ready.
func await(ctx context.Context, t adminapi.Target, before string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	last := errors.New("it was not asked")
	for {
		why := startedAgain(ctx, t, before)
		if why == nil {
			return nil
		}
		if ctx.Err() == nil { // else it only says that there is no more time
			last = why
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), last)
		case <-ticker.C:
		}
	}
}

// startedAgain says why the broker does not serve with the backup yet. It connects afresh: a pod may be another one.
func startedAgain(ctx context.Context, t adminapi.Target, before string) error {
	c, err := t.Connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := c.Status(ctx)
	switch {
	case err != nil:
		return err
	case s.Instance == before:
		return errors.New("it has not started again yet")
	case s.NotReady != "":
		return errors.New(s.NotReady)
	}
	return nil
}
