package listener

import (
	"io"
	"syscall"
)

// VectorMost is how many buffers WritevNow takes.
const VectorMost = 64

// ReadNow is read(2), with its end of file as io.EOF.
func ReadNow(fd uintptr, p []byte) (int, error) {
	for {
		n, err := readNow(fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// WriteNow is write(2).
func WriteNow(fd uintptr, p []byte) (int, error) {
	for {
		if n, err := writeNow(fd, p); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// WritevNow is writev(2), of the first VectorMost of bufs.
func WritevNow(fd uintptr, bufs [][]byte) (int, error) {
	for {
		if n, err := writevNow(fd, bufs); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
