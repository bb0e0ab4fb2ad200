package suite

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// Feature is something that a broker may lack: missing says what, or "" if it is there.
type Feature func(*Broker) (missing string)

// SharedSubscriptions are there unless CONNACK says no.
func SharedSubscriptions(b *Broker) string {
	return unless(!b.probe.Properties.NoShared, "CONNACK says that there are no shared subscriptions")
}

// TopicAliases are taken from clients if CONNACK has a Topic Alias Maximum.
func TopicAliases(b *Broker) string {
	return unless(b.probe.Properties.TopicAliasMaximum > 0, "CONNACK has no Topic Alias Maximum")
}

// EnhancedAuthentication is there if the method that the suite knows, SCRAM-SHA-256, is taken.
func EnhancedAuthentication(b *Broker) string {
	return unless(b.scram, "no broker is known that authenticates by SCRAM-SHA-256; see -scram")
}

// WebSocket is there if -ws says where.
func WebSocket(b *Broker) string {
	return unless(b.WebSocket != "", "no WebSocket listener")
}

// DeniedTopics are topics below denied/ that nobody may use.
func DeniedTopics(b *Broker) string {
	return unless(b.Denied, "no topic is known to be denied; see -denied")
}

// BoundedStore is a bound on what the limited broker stores, far below what a test can send; neither -addr nor Mosquitto has one.
func BoundedStore(b *Broker) string {
	return unless(b.bounded, "no broker is known whose store has a bound")
}

// LimitedBroker is a second broker, without QoS 2 and without retained messages.
func LimitedBroker(b *Broker) string {
	return unless(b.Limited != "", "no broker is known that lacks QoS 2 and retained messages; see -limited")
}

func unless(has bool, missing string) string {
	if has {
		return ""
	}
	return missing
}

// look asks the broker what it has.
func (b *Broker) look() error {
	c, ack, err := client.Start(b.Addr, packet.Connect{ClientID: "conformanceprobe", CleanStart: true})
	if err != nil {
		return err
	}
	b.probe, b.scram = ack, b.scrams()
	c.Disconnect()
	return nil
}
