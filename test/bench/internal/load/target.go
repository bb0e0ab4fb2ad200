package load

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is the broker's, asked for what it has used.
type Process interface {
	CPU() (time.Duration, error)
	Memory() (now, peak int64, err error) // bytes
}

// Target is the broker that a workload runs against, and for how long.
type Target struct {
	Addr           string // address and port
	Process        Process
	Transport      Transport // zero: TCP
	Warm, Measured time.Duration
	Stall          time.Duration // how long nothing may come; what is missing then is lost
	Settle         time.Duration // how long a broker is left alone before its memory is read
	Payload        int           // bytes of a message; at least payloadHead
}

// Usage is what has been used while something was measured.
type Usage struct {
	Took      time.Duration
	CPU       time.Duration // of the broker
	Generator time.Duration // of this process
	Others    float64       // of whatever else runs: 1 is one processor
}

type measurement struct {
	target                Target
	begin                 time.Time
	broker, self, machine time.Duration
}

func (t Target) measure() (measurement, error) {
	m := measurement{target: t, begin: time.Now()}
	var err error
	m.broker, m.self, m.machine, err = t.now()
	return m, err
}

func (m measurement) end() (Usage, error) {
	broker, self, machine, err := m.target.now()
	u := Usage{Took: time.Since(m.begin), CPU: broker - m.broker, Generator: self - m.self}
	u.Others = max(0, (machine-m.machine-u.CPU-u.Generator).Seconds()/u.Took.Seconds())
	return u, err
}

// now is the processor time that the broker, this process and the whole machine have used.
func (t Target) now() (broker, self, machine time.Duration, err error) {
	if broker, err = t.Process.CPU(); err != nil {
		return 0, 0, 0, err
	}
	var r syscall.Rusage
	if err = syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, 0, 0, os.NewSyscallError("getrusage", err)
	}
	data, err := os.ReadFile("/proc/stat")
	if err == nil {
		machine, err = busy(string(data))
	}
	return broker, time.Duration(r.Utime.Nano() + r.Stime.Nano()), machine, err
}

// tick is the unit of /proc/stat: USER_HZ is 100 wherever Go runs.
const tick = 10 * time.Millisecond

// busy is what the processors have done but idle and wait for a disk, by the first line of /proc/stat.
func busy(stat string) (sum time.Duration, err error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("parse /proc/stat: it begins with %.40q", line)
	}
	for i, field := range fields[1:9] {
		if i == 3 || i == 4 { // idle, iowait
			continue
		}
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse /proc/stat: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// loop is a new Loop. Its thread is its own until done is called. What earlier ones have left is collected before, not while
// something is measured.
func (t Target) loop() (l *Loop, done func(), err error) {
	runtime.GC()
	runtime.LockOSThread()
	if l, err = newLoop(t.Addr, t.Transport); err != nil {
		runtime.UnlockOSThread()
		return nil, nil, err
	}
	return l, func() { l.close(); runtime.UnlockOSThread() }, nil
}

// resident is the broker's memory once it has been left alone for a while.
func (t Target) resident(l *Loop) (float64, error) {
	l.wait(t.Settle)
	now, _, err := t.Process.Memory()
	return float64(now), err
}
