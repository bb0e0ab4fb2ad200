package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/server"
)

// instance is a broker that runs in this process.
type instance struct {
	*server.Server
	stop  context.CancelFunc
	level *slog.LevelVar
	done  chan error // receives what Run returned
}

// start runs a broker and waits until it serves. Into one that is still starting a backup may be restored: then
// another one is run.
func start(c config.Config, version string, logTo io.Writer) (*instance, error) {
	for {
		i, err := startOnce(c, version, logTo)
		if !errors.Is(err, server.ErrRestored) {
			return i, err
		}
	}
}

func startOnce(c config.Config, version string, logTo io.Writer) (*instance, error) {
	level := levelOf(c.Log)
	srv, err := server.New(c, server.Deps{Logger: logger(level, logTo), Version: version})
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	// It is stopped by stop, in its own time, and not with the caller's context.
	ctx, cancel := context.WithCancel(context.Background())
	i := &instance{Server: srv, stop: cancel, level: level, done: make(chan error, 1)}
	go func() { i.done <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
		return i, nil
	case err := <-i.done:
		cancel()
		return nil, fmt.Errorf("start broker: %w", err)
	}
}

// halt ends the broker and waits until everything is stored and closed.
func (i *instance) halt() error {
	i.stop()
	if err := <-i.done; !errors.Is(err, server.ErrRestored) {
		return err
	}
	return nil // the next start finds what was restored
}

// configure takes over what is live of a configuration whose static part is the same.
func (i *instance) configure(c config.Config) {
	i.level.Set(levelOf(c.Log).Level())
	i.Configure(context.Background(), c, "")
}

// logger writes text lines, as far as level wants them.
func logger(level *slog.LevelVar, to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level}))
}

// levelOf is the least severe level that the Broker wants to be written.
func levelOf(c config.Log) *slog.LevelVar {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(string(c.Level)))); err != nil {
		level = slog.LevelInfo // unset
	}
	out := &slog.LevelVar{}
	out.Set(level)
	return out
}
