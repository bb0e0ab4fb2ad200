package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
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
		of = " of " + bytesText(p.total)
	}
	fmt.Fprintf(p.out, "\r%s %s%s\x1b[K", p.verb, bytesText(p.bytes), of)
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	unit, value := 0, float64(n)/1024
	for ; value >= 1023.95 && unit < len(units)-1; unit++ { // what would be printed as 1024.0
		value /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}
