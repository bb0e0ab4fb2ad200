package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// kubectlMQTT runs a command against the broker, wants exit code 0 and texts in what it prints, and returns that and
// the most memory that it has had, in bytes.
func (b *broker) kubectlMQTT(t *testing.T, line string, want ...string) (out string, memory int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), commands, append(strings.Fields(line), "--state-dir", b.state)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("kubectl-mqtt %s: %v, %s", line, err, stderr.String())
		return "", 0
	}
	for _, text := range want {
		if !strings.Contains(stdout.String()+stderr.String(), text) {
			t.Errorf("kubectl-mqtt %s: there is no %q in %.2000s%s", line, text, stdout.String(), stderr.String())
		}
	}
	return stdout.String(), peak(cmd.ProcessState)
}

// clientsPage is what -o json prints of clients.
func (b *broker) clientsPage(t *testing.T, line string) (page api.Page[api.Client]) {
	t.Helper()
	out, _ := b.kubectlMQTT(t, line)
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Errorf("kubectl-mqtt %s: %v in %.200s", line, err, out)
	}
	return page
}

// commandsAmong looks at a broker that has so many sessions beside the plant's.
func (b *broker) commandsAmong(t *testing.T, sessions int) {
	page := b.clientsPage(t, "clients -o json --search sensor-")
	if len(page.Items) != 100 || page.Total != sessions || page.Items[99].ID != "sensor-000099" {
		t.Errorf("the first page has %d of %d", len(page.Items), page.Total)
	}
	b.kubectlMQTT(t, "clients --search sensor- --limit 1 --after "+page.Next, "sensor-000100", fmt.Sprintf("1 of %d clients. The next page: --after ", sessions))
	last := fmt.Sprintf("sensor-%06d", sessions-1)
	b.kubectlMQTT(t, "clients --search "+last[3:], last)
	b.kubectlMQTT(t, "clients --connected", "press-01")
	b.kubectlMQTT(t, "client "+last, "away")
	b.kubectlMQTT(t, "status", ",0", "sessions")
	b.kubectlMQTT(t, "top --once --interval 200ms", "press-01")
	b.kubectlMQTT(t, "topics --for 0s", "plant")
	if all := b.clientsPage(t, "clients --all -o json"); len(all.Items) <= sessions {
		t.Errorf("--all shows %d", len(all.Items))
	}
	all, memory := b.kubectlMQTT(t, "clients --all")
	if lines := strings.Count(all, "\n"); lines <= sessions {
		t.Errorf("--all shows %d lines", lines)
	}
	const most = 300 << 20
	if memory > most {
		t.Errorf("--all took %d MB of memory, want at most %d", memory>>20, most>>20)
	}
	t.Logf("--all took %d MB", memory>>20)
}

// peak is the most memory that a program had that has ended; 0: not known.
func peak(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10 // Linux counts in KiB
}
