//go:build linux && !race

package listener

import (
	"syscall"
	"unsafe"
)

// Calls on sockets that do not block. The scheduler is not told of them: for those that take more than 20 microseconds, as to close a
// socket or to write much, it would have another thread take over meanwhile, which costs as much again.

func readNow(fd uintptr, p []byte) (int, error) {
	return result(syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func writeNow(fd uintptr, p []byte) (int, error) {
	return result(syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func writevNow(fd uintptr, bufs [][]byte) (int, error) {
	var vector [VectorMost]syscall.Iovec
	n := 0
	for ; n < min(len(bufs), VectorMost); n++ {
		vector[n].Base = unsafe.SliceData(bufs[n])
		vector[n].SetLen(len(bufs[n]))
	}
	return result(syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&vector)), uintptr(n)))
}

func closeNow(fd uintptr) error {
	_, err := result(syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0))
	return err
}

func result(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
