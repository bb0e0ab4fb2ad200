package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

// progressEvery is how often a line of progress is drawn anew.
const progressEvery = 200 * time.Millisecond

// progress is a line on a terminal that says how far a transfer is. Elsewhere it says nothing.
type progress struct {
	out   io.Writer // nil: no terminal
	verb  string
	total int64 // 0: not known
	last  time.Time
	bytes int64
}

func newProgress(out io.Writer, verb string, total int64) *progress {
	p := &progress{verb: verb, total: total}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.out = out
	}
	return p
}

// at draws the line if it is time to.
func (p *progress) at(bytes int64) {
	p.bytes = bytes
	if now := time.Now(); p.out != nil && now.Sub(p.last) >= progressEvery {
		p.last = now
		p.draw()
	}
}

// end draws the line for the last time, if it was ever drawn.
func (p *progress) end() {
	if p.out == nil || p.last.IsZero() {
		return
	}
	p.draw()
	fmt.Fprintln(p.out)
	p.out = nil
}

func (p *progress) draw() {
	of := ""
	if p.total > 0 {
		of = " of " + screen.Bytes(p.total)
	}
	fmt.Fprintf(p.out, "\r%s %s%s\x1b[K", p.verb, screen.Bytes(p.bytes), of)
}

// line is one on a terminal that is drawn anew. Elsewhere it says nothing.
type line struct {
	out   io.Writer // nil: no terminal
	drawn bool
}

func newLine(out io.Writer) *line {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &line{out: out}
	}
	return &line{}
}

func (l *line) at(text string) {
	if l.out != nil {
		l.drawn = true
		fmt.Fprintf(l.out, "\r%s\x1b[K", text)
	}
}

// end removes it.
func (l *line) end() {
	if l.drawn {
		fmt.Fprint(l.out, "\r\x1b[K")
		l.drawn = false
	}
}
