package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair"
)

// Limits of every HTTP connection.
const (
	headerTimeout = 5 * time.Second
	callTimeout   = 10 * time.Second // each of reading a request and writing its answer
	idleTimeout   = 60 * time.Second
	maxHeader     = 256 << 10 // bytes: a topic or client identifier of 65,535 takes three times as many
	shutdownGrace = 2 * time.Second
)

// streamTimeout is how long a backup or restore may stand still, in place of callTimeout.
const streamTimeout = 30 * time.Second

// Serve serves the endpoints that cfg has an address for until ctx is done, and returns nil then, when no call of a
// function in d is under way any more. An address that cannot be bound or a certificate that cannot be used is an error.
func Serve(ctx context.Context, cfg config.Admin, d Deps) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var named *tokens
	if cfg.Address != "" && cfg.TokensFile != "" {
		named = openTokens(cfg.TokensFile, d.Log)
		running.Go(func() { _ = named.run(ctx) }) // it has a path to watch, so there is no error
	}
	calls := newEndpoints(d, newCallers(cfg, named, d.SignIn), streamTimeout)
	defer func() {
		cancel()
		running.Wait()
		calls.busy.Lock() // for good: waits for those that are under way, and there is no other
	}()
	failed := make(chan error, 2)
	start := func(what, address string, handler http.Handler, secured *tls.Config) error {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("serve %s: %w", what, err)
		}
		d.Log.Info("serving "+what, "address", ln.Addr().String())
		if secured != nil {
			ln = tls.NewListener(ln, secured)
		}
		running.Go(func() { failed <- serve(ctx, ln, handler, d.Log) })
		return nil
	}
	if cfg.HealthAddress != "" {
		if err := start("health", cfg.HealthAddress, health(d), nil); err != nil {
			return err
		}
	}
	if cfg.Address != "" {
		pair, err := keypair.Open(cfg.CertFile, cfg.KeyFile, d.Log)
		if err == nil {
			running.Go(func() { _ = pair.Run(ctx) }) // it has two paths to watch, so there is no error
			err = start("admin API", cfg.Address, calls.handler(), secured(pair))
		}
		if err != nil {
			return fmt.Errorf("admin API on %s: %w", cfg.Address, err)
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// serve serves handler on ln, which it closes, until ctx is done. Calls under way then have shutdownGrace.
func serve(ctx context.Context, ln net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       callTimeout,
		WriteTimeout:      callTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // they had their time
		}
	})
	err := server.Serve(ln)
	if !unhook() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve HTTP on %s: %w", ln.Addr(), err)
}
