package poll

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// look tells what there is to tell, and does not wait. Go's scheduler is not told of the call: where all is quiet, its watchman would get up for each.
func look(fd int, events []unix.EpollEvent) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
