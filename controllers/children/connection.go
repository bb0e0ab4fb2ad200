package children

import (
	"net"
	"slices"
	"strconv"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// preference is the order in which protocols are told to a workload: TLS first, and then what costs least.
var preference = []config.Protocol{config.ProtocolMQTTS, config.ProtocolWSS, config.ProtocolMQTT, config.ProtocolWS}

// schemes begin the URIs that clients take.
var schemes = map[config.Protocol]string{
	config.ProtocolMQTTS: "mqtts", config.ProtocolWSS: "wss", config.ProtocolMQTT: "mqtt", config.ProtocolWS: "ws",
}

// PreferredListener is the one that a workload is told to connect to. The Broker has at least one.
func PreferredListener(b *v1alpha1.Broker) v1alpha1.ListenerSpec {
	return slices.MinFunc(b.Spec.Listeners, func(x, y v1alpha1.ListenerSpec) int {
		return slices.Index(preference, protocolOf(x)) - slices.Index(preference, protocolOf(y))
	})
}

// Address is the name and port by which clients in the cluster reach l.
func Address(b *v1alpha1.Broker, l v1alpha1.ListenerSpec) (host string, port int32) {
	service := PodServiceName(b)
	port = l.Port
	switch {
	case HasService(b):
		service = ServiceName(b)
	case l.Service != nil:
		service = ListenerServiceName(b, l)
		if l.Service.Port != 0 {
			port = l.Service.Port
		}
	}
	return service + "." + b.Namespace + ".svc", port
}

// URI is where clients in the cluster find l.
func URI(b *v1alpha1.Broker, l v1alpha1.ListenerSpec) string {
	host, port := Address(b, l)
	uri := schemes[protocolOf(l)] + "://" + net.JoinHostPort(host, strconv.Itoa(int(port)))
	switch {
	case !l.Protocol.WebSocket():
		return uri
	case l.Path == "":
		return uri + config.DefaultPath
	}
	return uri + l.Path
}

func protocolOf(l v1alpha1.ListenerSpec) config.Protocol {
	if l.Protocol == "" {
		return config.ProtocolMQTTS
	}
	return l.Protocol
}
