//go:build !linux || race

package listener

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// As in now_linux.go, but told: to the scheduler, and to the race detector, which takes what is written for seen by who reads it.

func readNow(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }

func writeNow(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }

func writevNow(fd uintptr, bufs [][]byte) (int, error) {
	return unix.Writev(int(fd), bufs[:min(len(bufs), VectorMost)])
}

func closeNow(fd uintptr) error { return syscall.Close(int(fd)) }
