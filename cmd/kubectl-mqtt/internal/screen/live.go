package screen

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// What a view that is drawn in place sends to a terminal.
const (
	enterView = "\x1b[?1049h\x1b[?25l" // the other screen, no cursor
	leaveView = "\x1b[?25h\x1b[?1049l"
	homeView  = "\x1b[H"
	clearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// Live shows what draw returns, anew every interval, until ctx is done, which is no error, or draw fails. It takes the whole
// terminal, and gives it back as it was. draw is told how many lines fit and may return more; they are cut.
func (s *Screen) Live(ctx context.Context, interval time.Duration, draw func(height int) ([]string, error)) error {
	if _, err := fmt.Fprint(s.Out, enterView); err != nil {
		return err
	}
	defer fmt.Fprint(s.Out, leaveView)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		_, height := s.size()
		lines, err := draw(height)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.frame(lines); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// frame draws over what was there, so that nothing flickers.
func (s *Screen) frame(lines []string) error {
	width, height := s.size()
	var b strings.Builder
	b.WriteString(homeView)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(cut(line, width))
		b.WriteString(clearLine)
	}
	b.WriteString(clearRest)
	_, err := fmt.Fprint(s.Out, b.String())
	return err
}
