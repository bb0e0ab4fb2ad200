package disk

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// logger passes on what Pebble says: everything that is not an error at debug level.
type logger struct {
	log *slog.Logger
	dir string
}

func (l logger) Infof(msg string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug("pebble", "path", l.dir, "detail", fmt.Sprintf(msg, args...))
	}
}

func (l logger) Errorf(msg string, args ...any) {
	l.log.Error("pebble failed", "path", l.dir, "reason", fmt.Sprintf(msg, args...))
}

// Fatalf must not return: Pebble cannot go on, and what it has in memory is not to be trusted.
func (l logger) Fatalf(msg string, args ...any) {
	l.Errorf(msg, args...)
	panic(fmt.Sprintf("store %s: pebble cannot go on: %s", l.dir, fmt.Sprintf(msg, args...)))
}

// events are what the store wants to know of Pebble.
func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { s.health.set(&s.health.background, err) },
		FlushEnd: func(i pebble.FlushInfo) { // Pebble tries again what failed in the background
			if i.Err == nil {
				s.health.set(&s.health.background, nil)
				s.tidying.flushed.Store(true)
				s.tidying.flushing.Store(false)
				s.queue.syncDue() // files of the log may go
			}
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			s.damaged.Store(i.Path)
			s.opts.Log.Error("a file of the store is damaged", "path", i.Path, "reason", i.Details)
		},
	}
}
