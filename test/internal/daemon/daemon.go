package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// Broker is a broker that can be started, killed and started again on the same port and folder.
type Broker struct {
	Addr string // host:port of its plain listener
	Dir  string // of what it keeps

	command []string
	env     []string
	log     *os.File
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// newBroker is a broker that runs command; its output goes to a file in dir, which must exist.
func newBroker(addr, dir string, command, env []string) (*Broker, error) {
	DependOnSources()
	log, err := os.OpenFile(filepath.Join(dir, "broker.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &Broker{Addr: addr, Dir: dir, command: command, env: env, log: log}, nil
}

// Start starts the process and does not wait until it listens.
func (b *Broker) Start() error {
	cmd := exec.Command(b.command[0], b.command[1:]...)
	cmd.Env = append(os.Environ(), b.env...)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	// It must not outlive a test that is killed. This needs the thread that starts it to live, which in Go it does.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", b.command[0], err)
	}
	b.cmd, b.ended = cmd, make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it was killed is no news
		close(b.ended)
	}()
	return nil
}

// Ready waits until a client is let in, of MQTT 3.1.1, which every broker speaks.
func (b *Broker) Ready(ctx context.Context) error {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		c, _, err := client.Start(b.Addr, packet.Connect{Version: packet.V311, ClientID: "ready", CleanStart: true})
		if err == nil {
			c.Disconnect()
			return nil
		}
		select {
		case <-b.ended:
			return fmt.Errorf("%s has ended; see %s", b.command[0], b.log.Name())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not let clients in: %w", b.command[0], ctx.Err()), err)
		case <-again.C:
		}
	}
}

// Run is Start and Ready.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.Start(); err != nil {
		return err
	}
	return b.Ready(ctx)
}

// Kill is kill -9; it returns when the process is gone.
func (b *Broker) Kill() { b.end(syscall.SIGKILL) }

// Stop asks it to stop and waits.
func (b *Broker) Stop() { b.end(syscall.SIGTERM) }

func (b *Broker) end(s syscall.Signal) {
	if b.cmd != nil {
		_ = b.cmd.Process.Signal(s) // it may have ended
		<-b.ended
	}
}

// Close kills it and closes its log.
func (b *Broker) Close() {
	b.Kill()
	_ = b.log.Close() // nobody writes to it any more
}

// Pin lets it run on these processors only from its next start on (a list for taskset -c); "" is all.
func (b *Broker) Pin(cpus string) { b.command = pinned(cpus, b.command...) }

// Setenv adds name=value to the environment of its next start.
func (b *Broker) Setenv(env ...string) { b.env = append(b.env, env...) }

// FreeAddr is host:port of a port of this machine that nobody listens on.
func FreeAddr() (string, error) {
	port, err := freeport.Find()
	return fmt.Sprint("127.0.0.1:", port), err
}

// pinned puts taskset before a command, if cpus (a list for taskset -c) is not empty.
func pinned(cpus string, command ...string) []string {
	if cpus == "" {
		return command
	}
	return append([]string{"taskset", "-c", cpus}, command...)
}

func splitPort(addr string) (host, port string) {
	host, port, _ = strings.Cut(addr, ":")
	return host, port
}
