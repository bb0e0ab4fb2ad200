package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/gateway"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
)

const consoleHelp = `Opens the broker's console in a browser: what it does now and what is wrong, its clients, topics, access rules, a
trace, and a client to try it with, which reaches the broker through any of its listeners.

The console is served on 127.0.0.1 until Ctrl-C, with the credentials of this command: who opens the printed link may do
all that you may. The link has a secret in it, so other users of this machine cannot.

` + whose + `
` + rights + `

` + exits

// dialTimeout bounds how long a listener may take.
const dialTimeout = 15 * time.Second

type consoleOptions struct {
	mqttOptions
	port   uint16
	noOpen bool
}

func newConsole(s streams) *cobra.Command {
	var o consoleOptions
	cmd := &cobra.Command{
		Use: "console [BROKER]", Short: "Open the broker's console in a browser", Long: consoleHelp,
		Example: "  kubectl mqtt console edge -n plant\n" +
			"  kubectl-mqtt console --state-dir ./dunlin-state --no-open",
		RunE: func(cmd *cobra.Command, args []string) error {
			broker, _, err := o.take(args, 0, 0)
			if err != nil {
				return err
			}
			if err := o.run(cmd.Context(), s, broker); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	o.targetOptions.flags(cmd)
	flags := cmd.Flags()
	flags.Uint16Var(&o.port, "port", 0, "port on 127.0.0.1 to serve on (default a free one)")
	flags.BoolVar(&o.noOpen, "no-open", false, "only print the link")
	flags.StringVar(&o.listener, "listener", "", "name of the listener for its page Try it "+listenerDefault)
	o.completeFlag(cmd, "listener", listenerNames)
	flags.StringVar(&o.caFile, "cafile", "", "CA to trust of that listener, in PEM (default the Broker's)")
	flags.StringVar(&o.serverName, "server-name", "", "name that the listener's certificate has to have (default the Service's; localhost with --state-dir)")
	return cmd
}

// run serves the console until ctx is done.
func (o *consoleOptions) run(ctx context.Context, s streams, broker string) error {
	p, err := o.place(ctx, broker)
	if err != nil {
		return err
	}
	calls := &adminCalls{target: p.target}
	defer calls.close()
	if _, err := calls.current(ctx); err != nil {
		return err
	}
	if _, err := calls.client.Status(ctx); err != nil { // before a browser is opened
		return err
	}
	g, err := gateway.Listen(ctx, fmt.Sprintf("127.0.0.1:%d", o.port), gateway.Options{
		Name: p.target.Name, Admin: calls,
		Dial: func(ctx context.Context) (net.Conn, error) { return o.dial(ctx, p) },
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "The console of %s:\n\n  %s\n\nWho has this link may do there what you may. Ctrl-C stops.\n", p.target.Name, g.URL())
	if !o.noOpen {
		if err := browse(ctx, g.Link()); err != nil {
			fmt.Fprintf(s.err, "No browser could be opened (%v): open the link yourself.\n", err)
		}
	}
	return g.Run(ctx)
}

// dial connects to the broker's MQTT.
func (o *consoleOptions) dial(ctx context.Context, p place) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d, err := o.door(ctx, p)
	if err != nil {
		return nil, err
	}
	way, err := o.way(d, nil)
	var conn net.Conn
	if err == nil {
		conn, err = mqtt.Open(ctx, way)
	}
	if err != nil {
		trouble := d.trouble()
		d.close()
		if trouble != nil {
			return nil, fmt.Errorf("listener %s: %w: %w", d.name, err, trouble)
		}
		return nil, fmt.Errorf("listener %s: %w", d.name, err)
	}
	return &doorConn{Conn: conn, close: sync.OnceFunc(d.close)}, nil
}

// doorConn shuts the way to the listener with the connection.
type doorConn struct {
	net.Conn
	close func()
}

// Close implements net.Conn.
func (c *doorConn) Close() error {
	defer c.close()
	return c.Conn.Close()
}

// adminCalls passes calls on to the admin API, and connects anew after one that failed: a pod may be another one, and a
// port-forward ends when it has been idle for long.
type adminCalls struct {
	target adminapi.Target

	mu      sync.Mutex
	client  *adminapi.Client // nil: not connected
	handler http.Handler
}

// ServeHTTP implements http.Handler.
func (a *adminCalls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, err := a.current(r.Context())
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadGateway)
		_ = json.NewEncoder(w).Encode(api.Error{Error: err.Error()}) // the caller is gone if it fails
		return
	}
	h.ServeHTTP(w, r)
}

func (a *adminCalls) current(ctx context.Context) (http.Handler, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil {
		return a.handler, nil
	}
	c, err := a.target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	h, err := c.Proxy(func(error) { a.drop(c) })
	if err != nil {
		c.Close()
		return nil, err
	}
	a.client, a.handler = c, h
	return h, nil
}

// drop has the next call connect anew, unless another one has already.
func (a *adminCalls) drop(c *adminapi.Client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client == c {
		c.Close()
		a.client = nil
	}
}

func (a *adminCalls) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.client != nil {
		a.client.Close()
	}
}

// browse opens a browser, and does not wait for it.
func browse(ctx context.Context, url string) error {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	if runtime.GOOS == "linux" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return fmt.Errorf("there is no display")
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it is the user's from now on
	return nil
}
