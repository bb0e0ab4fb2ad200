// Command probe is what prove runs in pods, in an image that has no shell: an
// HTTP server, and one small deed a subcommand for `kubectl exec`. up and prove
// also run `probe get` on the host. Never part of the product.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const timeout = 5 * time.Second // of one request or look-up

// deeds maps a subcommand to what it does with its arguments.
var deeds = map[string]struct {
	usage string
	args  int
	do    func(args []string) error
}{
	"serve":  {"serve: answer HTTP on :8080 until SIGTERM", 0, serve},
	"cat":    {"cat FILE: print a file", 1, cat},
	"write":  {"write FILE TEXT: replace a file by one line", 2, write},
	"get":    {"get URL: print an HTTP answer", 1, get},
	"lookup": {"lookup NAME: print a name's addresses", 1, lookup},
	"stdin":  {"stdin: print how much was read, and it", 0, stdin},
}

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"serve"}
	}
	deed, known := deeds[args[0]]
	if !known || len(args)-1 != deed.args {
		fmt.Fprintln(os.Stderr, "probe: want one of:")
		for _, d := range deeds {
			fmt.Fprintln(os.Stderr, "  probe", d.usage)
		}
		os.Exit(2)
	}
	if err := deed.do(args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// serve is ready READY_DELAY (a Go duration, none if unset) after its start.
func serve([]string) error {
	delay, err := time.ParseDuration(os.Getenv("READY_DELAY"))
	if err != nil {
		delay = 0
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	readyAt := time.Now().Add(delay)
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(readyAt) {
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello from", host)
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: timeout}
	context.AfterFunc(ctx, func() { server.Close() })
	log.Print("listening on :8080 as ", host)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func cat(args []string) error {
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

func write(args []string) error {
	return os.WriteFile(args[0], []byte(args[1]+"\n"), 0o644)
}

func get(args []string) error {
	client := http.Client{Timeout: timeout}
	response, err := client.Get(args[0])
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", args[0], response.Status)
	}
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func lookup(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, args[0])
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(addresses, " "))
	return nil
}

func stdin([]string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	fmt.Printf("got %d bytes: %s\n", len(text), text)
	return nil
}
