package gateway

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/console"
)

// Limits of every HTTP connection. A trace has no end, so there is none for answers.
const (
	headerTimeout = 5 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 256 << 10 // bytes: a topic takes three times its length in a path
	maxSockets    = 32        // WebSockets at a time
)

// Options are what a gateway leads to.
type Options struct {
	// Name is what the broker is called.
	Name string
	// Admin passes a call on to the admin API.
	Admin http.Handler
	// Dial connects to the broker's MQTT, for each WebSocket anew. nil: there is no way to it.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Gateway is a console on this machine.
type Gateway struct {
	options Options
	ln      net.Listener
	secret  string // the first part of every path
	sockets chan struct{}

	mu     sync.Mutex
	ticket string // that opens the console once; "": it has been used
}

// Listen takes an address of this machine, such as 127.0.0.1:0. Nobody is answered before Run.
func Listen(ctx context.Context, address string, o Options) (*Gateway, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve the console: %w", err)
	}
	return &Gateway{options: o, ln: ln, secret: rand.Text(), ticket: rand.Text(), sockets: make(chan struct{}, maxSockets)}, nil
}

// URL is where the console is. It is a secret: who knows it has the credentials.
func (g *Gateway) URL() string { return "http://" + g.ln.Addr().String() + "/" + g.secret + "/" }

// Link leads to URL, once. It may be given to a program as an argument, which others on this machine can read.
func (g *Gateway) Link() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return "http://" + g.ln.Addr().String() + "/open/" + g.ticket
}

// Run serves until ctx is done, and returns nil then.
func (g *Gateway) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{
		Handler:           http.HandlerFunc(g.serve),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // what a browser does wrong does not concern the user
	}
	unhook := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer func() {
		unhook()
		cancel()
		for range maxSockets {
			g.sockets <- struct{}{} // waits for those that are open, and there is no other
		}
	}()
	if err := server.Serve(g.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the console: %w", err)
	}
	return nil
}

// serve lets in who knows the secret, and asks as somebody of this machine.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !g.isMine(r.Host) { // a name that somebody has made lead here
		http.Error(w, "this is not who you asked for", http.StatusMisdirectedRequest)
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		http.Error(w, "a page of another origin may not ask here", http.StatusForbidden)
		return
	}
	first, rest, below := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	switch {
	case first == "open" && below && r.Method == http.MethodGet:
		g.open(w, r, rest)
	case !same(first, g.secret):
		http.Error(w, "there is nothing here: kubectl mqtt console prints a link to the console", http.StatusNotFound)
	case !below:
		http.Redirect(w, r, "/"+g.secret+"/", http.StatusSeeOther)
	default:
		g.console(w, r)
	}
}

// isMine says whether host is an address that this gateway has on purpose.
func (g *Gateway) isMine(host string) bool {
	_, port, err := net.SplitHostPort(g.ln.Addr().String())
	return err == nil && (host == g.ln.Addr().String() || host == "localhost:"+port)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// open leads who brings the ticket to the console, the first time.
func (g *Gateway) open(w http.ResponseWriter, r *http.Request, ticket string) {
	g.mu.Lock()
	good := g.ticket != "" && same(ticket, g.ticket)
	if good {
		g.ticket = ""
	}
	g.mu.Unlock()
	if !good {
		http.Error(w, "This link has been used, or is none. If it was not you who used it, stop kubectl mqtt console.", http.StatusGone)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/"+g.secret+"/", http.StatusSeeOther)
}

// console answers what the page asks for, whose paths are those of the admin port.
func (g *Gateway) console(w http.ResponseWriter, r *http.Request) {
	http.StripPrefix("/"+g.secret, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/console.json":
			served := console.Served{Name: g.options.Name}
			if g.options.Dial != nil {
				served.WebSocket = "mqtt"
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			_ = json.NewEncoder(w).Encode(served) // the caller is gone if it fails
		case "/mqtt":
			g.socket(w, r)
		default:
			g.options.Admin.ServeHTTP(w, r)
		}
	})).ServeHTTP(w, r)
}
