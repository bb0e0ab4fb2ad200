package inspect

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is what this process uses.
type Process struct {
	MemoryBytes      int64 // resident; what Go has of the system where that cannot be known
	MemoryLimitBytes int64 // the container's, or that set by GOMEMLIMIT; 0: none
	CPUSeconds       float64
	Cores            int
}

// ReadProcess reads that.
func ReadProcess() Process {
	p := Process{Cores: runtime.GOMAXPROCS(0), MemoryBytes: resident(), MemoryLimitBytes: memoryLimit()}
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil {
		p.CPUSeconds = (time.Duration(used.Utime.Nano()) + time.Duration(used.Stime.Nano())).Seconds()
	}
	return p
}

func resident() int64 {
	if data, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(data)); len(fields) > 1 {
			if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return pages * int64(os.Getpagesize())
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

func memoryLimit() int64 {
	if data, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil { // else it is max
			return n
		}
	}
	if n := debug.SetMemoryLimit(-1); n != math.MaxInt64 {
		return n
	}
	return 0
}
