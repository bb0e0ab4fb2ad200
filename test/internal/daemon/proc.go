package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the processor time that the process has used, in the nanoseconds that the scheduler counts for each thread.
func (b *Broker) CPU() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", b.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("read the processor time of process %d: no threads", b.cmd.Process.Pid)
	}
	var sum time.Duration
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue // the thread has ended
		}
		running, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", f, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// Memory is what the process holds of the memory now (resident set), and the most that it has held, in bytes.
func (b *Broker) Memory() (now, peak int64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s of process %d: %w", name, b.cmd.Process.Pid, err)
		}
		if name == "VmRSS" {
			now = n << 10
		} else {
			peak = n << 10
		}
	}
	return now, peak, nil
}

// DiskUsage is what the files below dir take, in bytes.
func DiskUsage(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreGone(err)
		}
		info, err := e.Info()
		if err == nil {
			sum += info.Size()
		}
		return ignoreGone(err)
	})
	return sum, err
}

// ignoreGone forgives a file that was removed meanwhile.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// Files is how many file descriptors the process has open.
func (b *Broker) Files() (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("count the files of process %d: %w", b.cmd.Process.Pid, err)
	}
	return len(open), nil
}

// Ended is closed when the process that was started last has ended.
func (b *Broker) Ended() <-chan struct{} { return b.ended }

// Log is what it has written to its standard output and error.
func (b *Broker) Log() (string, error) {
	data, err := os.ReadFile(b.log.Name())
	if err != nil {
		return "", fmt.Errorf("read the broker's log: %w", err)
	}
	return string(data), nil
}
