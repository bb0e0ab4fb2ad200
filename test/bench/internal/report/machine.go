package report

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is a line on what this machine is; place says which processors are whose.
func Machine(place string) string {
	return fmt.Sprintf("%s, %d processors (%s), %s, %s", cpuModel(), runtime.NumCPU(), place, runtime.Version(), runtime.GOARCH)
}

// Load is how many processes have wanted a processor in the last minute: what else the machine does. 0 where nobody says.
func Load() float64 {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(data), " ")
	n, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return n
}

// cpuModel is what Linux calls the processor.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "unknown processor"
}
