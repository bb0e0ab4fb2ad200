package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/server"
)

// configured is a configuration that is read again when its file changes.
type configured struct {
	from     source
	log      *slog.Logger
	level    *slog.LevelVar
	cfg      config.Config
	revision string
	failure  string // what was last said to be wrong with the file
	refused  bool   // by the server, which has not begun
}

// run runs a broker until ctx is done, and gives it what is live of the file as that changes. The rest
// is for the next start of the process.
func (c *configured) run(ctx context.Context) error {
	srv, err := server.New(c.cfg, server.Deps{Logger: c.log, Version: version, ConfigRevision: c.revision})
	if c.refused = err != nil; c.refused {
		return err
	}
	if c.from.file == "" {
		return srv.Run(ctx)
	}
	watched, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		// It fails only without a path.
		_ = filewatch.Watch(watched, []string{c.from.file}, c.log, func() { c.changed(watched, srv) })
	})
	err = srv.Run(ctx)
	stop()
	watching.Wait()
	return err
}

// changed reads the file again; one that can't be used changes nothing, and is said once.
func (c *configured) changed(ctx context.Context, srv *server.Server) {
	cfg, revision, err := c.from.read()
	if err != nil {
		if c.failure != err.Error() {
			c.failure = err.Error()
			c.log.Error("the changed configuration cannot be used, the old one stays", "reason", c.failure)
		}
		return
	}
	c.failure = ""
	if revision == c.revision {
		return
	}
	c.level.Set(levels[cfg.Log.Level])
	restart := srv.Configure(ctx, cfg, revision)
	c.cfg, c.revision = c.cfg.WithLive(cfg), revision
	if restart {
		c.log.Warn("configuration reloaded, but for what needs a restart")
		return
	}
	c.log.Info("configuration reloaded")
}
