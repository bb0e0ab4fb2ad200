package daemon

import (
	"fmt"
	"os"
	"path/filepath"
)

// Nats is a nats-server with MQTT and at most 1024 messages in flight to a subscription; it keeps what its MQTT needs to keep
// in dir, and syncs it every two minutes, as it does by default. maxPending is how many bytes may wait for a client, such as
// 1GB, before it is disconnected; more is more of the configuration.
func Nats(program, dir, maxPending, more string) (*Broker, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	own, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`listen: %q
server_name: bench
max_pending: %s
max_connections: 1000000
jetstream { store_dir: %q }
mqtt {
  listen: %q
  max_ack_pending: 1024
}
%s`, own, maxPending, filepath.Join(dir, "jetstream"), addr, more)
	file := filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return newBroker(addr, dir, []string{program, "-c", file}, nil)
}
