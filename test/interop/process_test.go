package interop

import (
	"bufio"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a running program whose output is read line by line.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	lines chan string // standard output and error; closed at the end
	err   error       // how it ended; valid once lines is closed

	passed []string // lines that were read and not taken

	mu  sync.Mutex
	all strings.Builder // what was printed, for a failing test
}

// start runs a program; the test's end kills it.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(name, args...), lines: make(chan string, 4096)}
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		w.Close()
	}()
	go p.read(bufio.NewReader(r))
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		p.end()
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", name, strings.Join(args, " "), p.output())
		}
	})
	return p
}

func (p *process) read(r *bufio.Reader) {
	defer close(p.lines)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			p.mu.Lock()
			p.all.WriteString(line)
			p.mu.Unlock()
			p.lines <- strings.TrimSuffix(line, "\n")
		}
		if err != nil {
			return
		}
	}
}

// output is all that it has printed, shortened.
func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.all.String(); len(s) > 8192 {
		return s[:8192] + "..."
	}
	return p.all.String()
}

// line takes the first line with text that was not taken yet, or waits for it. Lines that it passes
// over stay: a retained message may come before the acknowledgement of its subscription.
func (p *process) line(text string) string {
	p.t.Helper()
	for i, line := range p.passed {
		if strings.Contains(line, text) {
			p.passed = slices.Delete(p.passed, i, i+1)
			return line
		}
	}
	late := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("%s ended (%v) without a line with %q", p.name, p.err, text)
			}
			if strings.Contains(line, text) {
				return line
			}
			p.passed = append(p.passed, line)
		case <-late:
			p.t.Fatalf("%s printed no line with %q within %s", p.name, text, patience)
		}
	}
}

// end waits for the program to end and returns its exit code, -1 for a signal.
func (p *process) end() int {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, ok := <-p.lines:
			if !ok {
				return p.cmd.ProcessState.ExitCode()
			}
		case <-late:
			p.t.Fatalf("%s did not end within %s", p.name, patience)
		}
	}
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }
