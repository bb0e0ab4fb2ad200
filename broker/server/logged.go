package server

import (
	"context"
	"log/slog"
	"strings"
)

// maxLogged bounds a text in a line of the log, in bytes: identifiers, user names and topics are the clients' own, and may have 65,535.
const maxLogged = 512

// bounded passes on what is logged, with long texts cut. It is the one place where that is seen to.
type bounded struct{ slog.Handler }

// Handle implements slog.Handler.
func (b bounded) Handle(ctx context.Context, r slog.Record) error {
	long := false
	r.Attrs(func(a slog.Attr) bool {
		long = tooLong(a)
		return !long
	})
	if !long {
		return b.Handler.Handle(ctx, r)
	}
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if tooLong(a) {
			a.Value = slog.StringValue(strings.ToValidUTF8(a.Value.String()[:maxLogged], "") + "...")
		}
		short.AddAttrs(a)
		return true
	})
	return b.Handler.Handle(ctx, short)
}

func tooLong(a slog.Attr) bool {
	return a.Value.Kind() == slog.KindString && len(a.Value.String()) > maxLogged
}

// WithAttrs implements slog.Handler.
func (b bounded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return bounded{b.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (b bounded) WithGroup(name string) slog.Handler { return bounded{b.Handler.WithGroup(name)} }
