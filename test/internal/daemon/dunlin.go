package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Dunlin is a dunlin-broker whose configuration and log are in dir, and which lets everybody do everything over a plain
// listener; c has the rest of its configuration, more listeners too. cpus pins it (taskset -c); "" does not.
func Dunlin(program, dir, cpus string, c config.Config, env ...string) (*Broker, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	host, port := splitPort(addr)
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil, err
	}
	c.Listeners = append([]config.Listener{{
		ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: int32(number)}, Host: host,
	}}, c.Listeners...)
	c.Authentication.AllowAnonymous, c.Authorization.DefaultPolicy = true, config.PolicyAllow
	c.Log.Format = config.LogText
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "broker.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	return newBroker(addr, dir, pinned(cpus, program, "--config", file), env)
}
