package poll

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what has to come.
const patience = 10 * time.Second

// told is a Socket that passes on what it is told.
type told chan bool

func (s told) Readable(over bool) { s <- over }

// next is what a socket is told next.
func (s told) next(t *testing.T) (over bool) {
	t.Helper()
	select {
	case over = <-s:
	case <-time.After(patience):
		t.Fatal("a socket is not told")
	}
	return over
}

func (s told) nothing(t *testing.T) {
	t.Helper()
	if len(s) > 0 {
		t.Fatal("a socket is told, and nothing has come")
	}
}

func start(t *testing.T) *Poller {
	t.Helper()
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// pair is two ends of a connection.
func pair(t *testing.T) (near, far int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1]) // a test may have closed them
	})
	return fds[0], fds[1]
}

func say(t *testing.T, fd int) {
	t.Helper()
	if _, err := unix.Write(fd, []byte{1}); err != nil {
		t.Fatal(err)
	}
}

// A socket is told of what is there already, each time that more comes, and of the end; and of nothing else.
func TestTold(t *testing.T) {
	p := start(t)
	near, far := pair(t)
	say(t, far)
	s := make(told, 8)
	if err := p.Add(near, s); err != nil {
		t.Fatal(err)
	}
	if s.next(t) {
		t.Error("what is there is taken for the end")
	}
	p.Look()
	s.nothing(t)
	say(t, far) // the first has not been read
	if s.next(t) {
		t.Error("more is taken for the end")
	}
	if err := unix.Shutdown(far, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if !s.next(t) {
		t.Error("the end is not told")
	}
}

// The end that is there with the last bytes is told with them.
func TestEndBehindBytes(t *testing.T) {
	p := start(t)
	near, far := pair(t)
	say(t, far)
	if err := unix.Close(far); err != nil {
		t.Fatal(err)
	}
	s := make(told, 8)
	if err := p.Add(near, s); err != nil {
		t.Fatal(err)
	}
	if !s.next(t) {
		t.Error("the end is not told")
	}
}

// Who is removed is told nothing, and does not take with it who has the descriptor now.
func TestRemove(t *testing.T) {
	p := start(t)
	near, far := pair(t)
	former, latter := make(told, 8), make(told, 8)
	if err := p.Add(near, former); err != nil {
		t.Fatal(err)
	}
	again, other := pair(t)
	if err := errors.Join(unix.Dup3(again, near, 0), unix.Close(far)); err != nil { // near is closed, and another socket
		t.Fatal(err)
	}
	if err := p.Add(near, latter); err != nil {
		t.Fatal(err)
	}
	p.Remove(near, former)
	say(t, other)
	latter.next(t)
	p.Remove(near, latter)
	say(t, other)
	p.Look()
	former.nothing(t)
	latter.nothing(t)
}

// More sockets than one system call tells of are all told by one look.
func TestMany(t *testing.T) {
	p := start(t)
	sockets := make([]told, 2*atOnce+1)
	far := make([]int, len(sockets))
	for i := range sockets {
		var near int
		near, far[i] = pair(t)
		sockets[i] = make(told, 8)
		if err := p.Add(near, sockets[i]); err != nil {
			t.Fatal(err)
		}
	}
	for _, fd := range far {
		say(t, fd)
	}
	p.Look()
	for i, s := range sockets {
		if len(s) != 1 {
			t.Fatalf("socket %d is told %d times", i, len(s))
		}
	}
}

// What cannot be watched is an error that says so, and is forgotten.
func TestCannotBeWatched(t *testing.T) {
	p := start(t)
	file, err := os.Open("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	s := make(told, 8)
	if err := p.Add(int(file.Fd()), s); !errors.Is(err, unix.EPERM) {
		t.Errorf("%v instead of EPERM", err)
	}
	if p.watch[file.Fd()] != nil {
		t.Error("it is not forgotten")
	}
}
