package audit

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// maxWaiting bounds what waits to be written, in entries: half a megabyte or so.
const maxWaiting = 2048

// Stats are how many entries there have been, by what became of them.
type Stats struct {
	Written     uint64
	RateLimited uint64 // left out, since there were too many of one client or of all
	Overflown   uint64 // left out, since what is written to is too slow
	Failed      uint64 // not written, since that failed
}

// Log takes entries from any number of goroutines. The nil Log takes none.
type Log struct {
	log   *slog.Logger // the broker's, for what goes wrong
	now   func() time.Time
	out   io.Writer
	close func() error
	lines chan []byte

	failing bool // the last line could not be written; Run's

	mu    sync.Mutex
	rates rates

	written, rateLimited, overflown, failed atomic.Uint64
}

// Open opens the log that c describes, which goes to output where c names no file. nil, nil: c asks for none. Nothing is
// written before Run.
func Open(c config.Audit, output io.Writer, log *slog.Logger, now func() time.Time) (*Log, error) {
	if !c.Enabled {
		return nil, nil
	}
	l := &Log{
		log: log, now: now, out: output, close: func() error { return nil }, lines: make(chan []byte, maxWaiting),
		rates: newRates(c.EntriesPerMinutePerClient, c.EntriesPerSecond),
	}
	if c.File == "" {
		return l, nil
	}
	f, err := openFile(c.File, c.MaxFileBytes)
	if err != nil {
		return nil, err
	}
	l.out, l.close = f, f.Close
	return l, nil
}

// Run writes what comes until ctx is done, and then what is waiting.
func (l *Log) Run(ctx context.Context) {
	if l == nil {
		return
	}
	defer l.close() //nolint:errcheck // each line was written by itself
	for {
		select {
		case line := <-l.lines:
			l.put(line)
			continue
		default:
		}
		select {
		case line := <-l.lines:
			l.put(line)
		case <-ctx.Done():
			l.drain()
			return
		}
	}
}

func (l *Log) drain() {
	for {
		select {
		case line := <-l.lines:
			l.put(line)
		default:
			return
		}
	}
}

// put writes a line. The first failure of a row is logged.
func (l *Log) put(line []byte) {
	if _, err := l.out.Write(line); err != nil {
		if l.failed.Add(1); !l.failing {
			l.failing = true
			l.log.Error("audit log cannot be written", "reason", err.Error())
		}
		return
	}
	l.failing = false
	l.written.Add(1)
}

// Write has e written soon, unless there are too many.
func (l *Log) Write(e Entry) {
	if l == nil {
		return
	}
	now := l.now()
	l.mu.Lock()
	before, allowed := l.rates.turn(now), l.rates.allow(e.Key, now)
	l.mu.Unlock()
	if before > 0 {
		l.queue(now, leftOut, []slog.Attr{slog.Uint64("entries", before)})
	}
	if !allowed {
		l.rateLimited.Add(1)
		return
	}
	l.queue(now, e.Event, e.attrs())
}

func (l *Log) queue(now time.Time, event Event, attrs []slog.Attr) {
	select {
	case l.lines <- encode(now, event, attrs):
	default:
		l.overflown.Add(1)
	}
}

// encode is one line.
func encode(now time.Time, event Event, attrs []slog.Attr) []byte {
	var line bytes.Buffer
	h := slog.NewJSONHandler(&line, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.LevelKey:
			return slog.String("stream", "audit")
		case slog.MessageKey:
			a.Key = "event"
		}
		return a
	}})
	r := slog.NewRecord(now.UTC(), slog.LevelInfo, string(event), 0)
	r.AddAttrs(attrs...)
	_ = h.Handle(context.Background(), r) // into memory
	return line.Bytes()
}

// Stats are the counters now; zero for the nil Log.
func (l *Log) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	return Stats{Written: l.written.Load(), RateLimited: l.rateLimited.Load(), Overflown: l.overflown.Load(), Failed: l.failed.Load()}
}
