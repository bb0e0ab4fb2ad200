// Command dunlin-broker is the MQTT broker: a configuration file in, a server that runs until it
// is told to stop.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/server"
)

// version is set at build time.
var version = "dev"

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it ran, or tried to, and failed
	exitUsage  = 2 // the flags or the configuration are wrong
)

const usage = `Usage: dunlin-broker [--config FILE] [--listen HOST:PORT] [--store-dir DIR] [--cpu-profile FILE]

Runs an MQTT 3.1, 3.1.1 and 5.0 broker. Without a configuration it listens on
127.0.0.1:1883 only, lets everybody in, and keeps everything in memory.

`

const exitCodes = `
Stops gracefully on SIGINT and SIGTERM. Exit codes: 0 stopped, 1 failed,
2 wrong flags or configuration (the message names the field and the line).
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("dunlin-broker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "configuration `file` (YAML or JSON)")
	listen := flags.String("listen", "", "plain MQTT on `host:port`, instead of the configured listeners")
	storeDir := flags.String("store-dir", "", "durable store in `dir`, instead of the configured one")
	profile := flags.String("cpu-profile", "", "write where the processor's time went to `file` at the end, for go tool pprof")
	showVersion := flags.Bool("version", false, "print the version and exit")
	flags.Usage = func() {} // --help goes to stdout, and a mistake does not ask for all of it
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		_, _ = io.WriteString(stdout, usage)
		flags.PrintDefaults()
		_, _ = io.WriteString(stdout, exitCodes)
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "see dunlin-broker --help")
		return exitUsage
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "dunlin-broker: unexpected argument %q; see --help\n", flags.Arg(0))
		return exitUsage
	case *showVersion:
		_, _ = fmt.Fprintln(stdout, "dunlin-broker", version)
		return exitOK
	}
	relaxCollector()
	from := source{file: *file, listen: *listen, storeDir: *storeDir}
	cfg, revision, err := from.read()
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "dunlin-broker:", err)
		return exitUsage
	}
	var level slog.LevelVar
	log := newLogger(cfg.Log, &level, stderr)
	if *file == "" {
		log.Warn("no configuration: anonymous access, for development only", "store", storeName(cfg.Store))
	}
	stop, err := startProfile(*profile)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "dunlin-broker:", err)
		return exitUsage
	}
	code := serve(&configured{from: from, log: log, level: &level, cfg: cfg, revision: revision})
	if err := stop(); err != nil {
		log.Error("profile not written", "reason", err.Error())
		return exitFailed
	}
	return code
}

// source is where the configuration comes from.
type source struct{ file, listen, storeDir string }

// read is the configuration of the file, or the development defaults, with the flags laid over it, and the file's revision.
func (s source) read() (cfg config.Config, revision string, err error) {
	cfg = config.Config{
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
		Log:            config.Log{Format: config.LogText},
	}
	if s.file != "" {
		if cfg, revision, err = config.LoadRevision(s.file); err != nil {
			return cfg, "", err
		}
	}
	cfg, err = configure(cfg, s.listen, s.storeDir)
	return cfg, revision, err
}

// configure lays the flags over a configuration.
func configure(cfg config.Config, listen, storeDir string) (config.Config, error) {
	if storeDir != "" {
		cfg.Store.Dir = storeDir
	}
	if listen == "" {
		return cfg, nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return cfg, fmt.Errorf("--listen %s: want host:port, such as 127.0.0.1:1883", listen)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return cfg, fmt.Errorf("--listen %s: port %q is not a number from 1 to 65535", listen, port)
	}
	cfg.Listeners = []config.Listener{{
		ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: int32(number)}, Host: host,
	}}
	return cfg, nil
}

func storeName(s config.Store) string {
	if s.Dir == "" {
		return "in memory"
	}
	return s.Dir
}

// newLogger writes what is at least as severe as level, which it sets first.
func newLogger(cfg config.Log, level *slog.LevelVar, w io.Writer) *slog.Logger {
	level.Set(levels[cfg.Level])
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == config.LogText {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

var levels = map[config.LogLevel]slog.Level{
	config.LogDebug: slog.LevelDebug, config.LogWarn: slog.LevelWarn, config.LogError: slog.LevelError,
}

func serve(c *configured) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	refused := false
	err := repeat(ctx, func() error {
		err := c.run(ctx)
		refused = c.refused
		return err
	})
	switch {
	case refused:
		c.log.Error("configuration refused", "reason", err.Error())
		return exitUsage
	case err != nil:
		c.log.Error("broker failed", "reason", err.Error())
		return exitFailed
	}
	c.log.Info("stopped")
	return exitOK
}

// repeat runs a broker, and another one each time that a backup has been restored, until ctx is done.
func repeat(ctx context.Context, run func() error) error {
	for {
		err := run()
		if !errors.Is(err, server.ErrRestored) {
			return err
		}
		if ctx.Err() != nil {
			return nil // the next start finds what was restored
		}
	}
}
