//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal runs a command line on a terminal, which a pseudo-terminal is, and returns what it has shown.
func terminal(t *testing.T, line string) string {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals:", err)
	}
	defer master.Close() //nolint:errcheck // a test's
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals:", err)
	}
	shown := make(chan string, 1)
	go func() {
		var b strings.Builder
		_, _ = io.Copy(&b, master) // it ends with an error when the other side is closed
		shown <- b.String()
	}()
	code := execute(t.Context(), strings.Fields(line), streams{in: strings.NewReader(""), out: slave, err: io.Discard})
	_ = slave.Close()
	if code != 0 {
		t.Errorf("%s: exit code %d", line, code)
	}
	return <-shown
}

// TestColours: on a terminal, unless NO_COLOR is set or the terminal is dumb.
func TestColours(t *testing.T) {
	l := startLive(t)
	c := l.client("sensor-1", nil)
	l.subscribe(c, "sensors/#", 1)
	for _, test := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		t.Setenv("NO_COLOR", test.noColor)
		t.Setenv("TERM", test.term)
		for _, line := range []string{"status", "clients", "client sensor-1", "users", "acl list", "can-i alice publish sensors/1", "certs", "top --once --interval 200ms"} {
			out := terminal(t, line+" "+here)
			if got := strings.Contains(out, "\x1b["); got != test.want || out == "" {
				t.Errorf("NO_COLOR=%s TERM=%s %s: colours %v\n%q", test.noColor, test.term, line, got, out)
			}
		}
		if out := terminal(t, "clients -o json "+here); strings.Contains(out, "\x1b") {
			t.Errorf("JSON has colours: %q", out)
		}
	}
}
