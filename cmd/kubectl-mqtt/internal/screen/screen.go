package screen

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Size of a terminal that does not say.
const (
	defaultWidth  = 80
	defaultHeight = 24
)

// Screen is where a command prints.
type Screen struct {
	Out io.Writer
	// Terminal says that somebody looks at it.
	Terminal bool
	// Color says that it shows colours.
	Color bool
	size  func() (width, height int)
}

// New looks at what out is. getenv is os.Getenv but in tests.
func New(out io.Writer, getenv func(string) string) *Screen {
	s := &Screen{Out: out, size: func() (int, int) { return defaultWidth, defaultHeight }}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	s.Terminal = true
	s.Color = getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	s.size = func() (int, int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return defaultWidth, defaultHeight
		}
		return width, height
	}
	return s
}

// Style is how text looks where there are colours.
type Style string

// The styles: what SGR sequences select.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Cyan   Style = "36"
)

// Paint is text in a style, or text as it is where there are no colours.
func (s *Screen) Paint(style Style, text string) string {
	if !s.Color || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}
