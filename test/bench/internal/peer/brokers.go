package peer

import (
	"fmt"
	"math"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// webPath is where MQTT over WebSocket is found, in Dunlin and nats-server; the others do not look.
const webPath = "/mqtt"

func dunlin(dir, program string) *Broker {
	b := &Broker{Name: "dunlin", Version: "this tree"}
	if program == "" {
		program, b.Missing = build(dir, "", "dunlin-broker", "github.com/dunlin-mqtt/dunlin/cmd/broker")
	}
	b.start = func(s Setup) (*Running, error) {
		c := config.Config{MQTT: config.MQTT{
			MaxQueuedMessages: math.MaxInt32, MaxQueuedBytes: 1 << 40, MaxQueuedBytesTotal: 1 << 40,
			MaxSubscriptionsPerSession: math.MaxInt32, MaxPacketSizeBytes: 2 << 20,
		}}
		if !s.Bounded {
			c.MQTT.MaxOutboundBytes = 64 << 20
		}
		r := &Running{}
		if s.Secure {
			tls := &config.ListenerTLS{CertFile: s.pair.cert, KeyFile: s.pair.key}
			for _, l := range []struct {
				name     string
				protocol config.Protocol
				tls      *config.ListenerTLS
				addr     *string
			}{{"tls", config.ProtocolMQTTS, tls, &r.TLS}, {"ws", config.ProtocolWS, nil, &r.WebSocket}} {
				port, err := freePort(l.addr)
				if err != nil {
					return nil, err
				}
				c.Listeners = append(c.Listeners, config.Listener{Host: "127.0.0.1", TLS: l.tls,
					ListenerSettings: config.ListenerSettings{Name: l.name, Protocol: l.protocol, Port: int32(port)}})
			}
		}
		var err error
		r.Broker, err = daemon.Dunlin(program, s.dir, "", c)
		return r, err
	}
	return b
}

// mosquitto is one by the name of its command, or otherwise.
func mosquitto(name, otherwise string) *Broker {
	b := &Broker{Name: name}
	var program string
	program, b.Version, b.Missing = installed(name, otherwise)
	b.start = func(s Setup) (*Running, error) {
		settings := []string{"persistence false", "max_inflight_messages 1024", "log_type error"}
		if s.Bounded {
			settings = append(settings, "max_queued_messages 1000")
		}
		r := &Running{}
		if s.Secure {
			secure, err := freePort(&r.TLS)
			if err != nil {
				return nil, err
			}
			web, err := freePort(&r.WebSocket)
			if err != nil {
				return nil, err
			}
			settings = append(settings, fmt.Sprint("listener ", secure, " 127.0.0.1"), "certfile "+s.pair.cert, "keyfile "+s.pair.key,
				fmt.Sprint("listener ", web, " 127.0.0.1"), "protocol websockets")
		}
		var err error
		r.Broker, err = daemon.Mosquitto(program, s.dir, settings...)
		return r, err
	}
	return b
}

func mochi(dir string) *Broker {
	b := &Broker{Name: "mochi"}
	var program string
	if program, b.Missing = build(dir, peersModule, "mochi", "./mochi"); b.Missing == nil {
		b.Version = versionOf(program, "github.com/mochi-mqtt/server/v2")
	}
	b.start = func(s Setup) (*Running, error) {
		r := &Running{}
		var flags []string
		if s.Bounded {
			flags = []string{"-pending", "1000"}
		}
		if s.Secure {
			if _, err := freePort(&r.TLS); err != nil {
				return nil, err
			}
			if _, err := freePort(&r.WebSocket); err != nil {
				return nil, err
			}
			flags = append(flags, "-tls", r.TLS, "-ws", r.WebSocket, "-cert", s.pair.cert, "-key", s.pair.key)
		}
		var err error
		r.Broker, err = daemon.Mochi(program, s.dir, flags...)
		return r, err
	}
	return b
}

func nats(dir string) *Broker {
	const module = "github.com/nats-io/nats-server/v2"
	b := &Broker{Name: "nats"}
	var program string
	if program, b.Missing = build(dir, peersModule, "nats-server", module); b.Missing == nil {
		b.Version = versionOf(program, module)
	}
	b.start = func(s Setup) (*Running, error) {
		r := &Running{}
		var more string
		pending := "1GB"
		if s.Bounded {
			pending = "1MB"
		}
		if s.Secure { // its one MQTT listener is TLS or is not
			if _, err := freePort(&r.WebSocket); err != nil {
				return nil, err
			}
			more = fmt.Sprintf("websocket {\n  listen: %q\n  no_tls: true\n}\n", r.WebSocket)
		}
		var err error
		r.Broker, err = daemon.Nats(program, s.dir, pending, more)
		return r, err
	}
	return b
}
