package daemon

import (
	"os"
	"path/filepath"
	"strings"
)

// Mosquitto is Mosquitto with persistence in dir, unbounded queues and more settings, a line of mosquitto.conf each.
func Mosquitto(program, dir string, settings ...string) (*Broker, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	host, port := splitPort(addr)
	lines := append([]string{
		"listener " + port + " " + host,
		"allow_anonymous true",
		"user root", // as root it would become the user mosquitto, who may not write to dir
		"persistence true",
		"persistence_location " + dir + "/",
		"max_queued_messages 0",
		"set_tcp_nodelay true",
	}, settings...)
	file := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	return newBroker(addr, dir, []string{program, "-c", file}, nil)
}
