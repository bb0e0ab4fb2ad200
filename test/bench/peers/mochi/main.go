// Command mochi is mochi-mqtt as `make bench` measures it: in memory, everybody may do everything, and the bounds that a
// benchmark could hit are as wide as they get. It runs until it is killed.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mochi:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:1883", "host:port for TCP")
	secure := flag.String("tls", "", "host:port for TLS")
	web := flag.String("ws", "", "host:port for WebSocket")
	cert := flag.String("cert", "", "certificate (PEM)")
	key := flag.String("key", "", "its key (PEM)")
	pending := flag.Int("pending", 1<<13, "packets that may wait for one client")
	flag.Parse()

	bounds := mqtt.NewDefaultServerCapabilities()
	bounds.MaximumInflight, bounds.ReceiveMaximum = math.MaxUint16, math.MaxUint16
	bounds.MaximumClientWritesPending = int32(*pending)
	server := mqtt.New(&mqtt.Options{Capabilities: bounds, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: *addr})); err != nil {
		return err
	}
	if *secure != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return err
		}
		c := listeners.Config{ID: "tls", Address: *secure, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
		if err := server.AddListener(listeners.NewTCP(c)); err != nil {
			return err
		}
	}
	if *web != "" {
		if err := server.AddListener(listeners.NewWebsocket(listeners.Config{ID: "ws", Address: *web})); err != nil {
			return err
		}
	}
	if err := server.Serve(); err != nil {
		return err
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	return server.Close()
}
