package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// messageOptions are how a message is published.
type messageOptions struct {
	qos             int
	retain          bool
	expirySeconds   int64
	text            bool
	contentType     string
	responseTopic   string
	correlationData string
	userProperties  []string
}

func (o *messageOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVarP(&o.qos, "qos", "q", 0, "quality of service: 0, 1 or 2")
	flags.BoolVarP(&o.retain, "retain", "r", false, "have the broker keep it as the topic's retained message; an empty one clears it")
	flags.Int64Var(&o.expirySeconds, "expiry", -1, "message expiry interval in seconds (default never)")
	flags.BoolVar(&o.text, "text", false, "say that the payload is UTF-8 text (payload format indicator 1)")
	flags.StringVar(&o.contentType, "content-type", "", "content type of the payload, such as application/json")
	flags.StringVar(&o.responseTopic, "response-topic", "", "topic for a response")
	flags.StringVar(&o.correlationData, "correlation-data", "", "correlation data for a response")
	flags.StringArrayVar(&o.userProperties, "user-property", nil, "user property NAME=VALUE (repeatable)")
}

// maxExpiry is the most seconds that MQTT can say.
const maxExpiry = 1<<32 - 1

// message is the PUBLISH without a payload.
func (o *messageOptions) message(cmd *cobra.Command, topic string) (packet.Publish, error) {
	p := packet.Publish{Topic: []byte(topic), QoS: byte(o.qos), Retain: o.retain}
	switch {
	case topic == "":
		return p, errors.New("TOPIC is empty")
	case strings.ContainsAny(topic, "+#\x00"):
		return p, fmt.Errorf("TOPIC %q has a wildcard or a NUL: a message has one topic", topic)
	case len(topic) > maxString:
		return p, fmt.Errorf("TOPIC has more than %d bytes, which MQTT cannot carry", maxString)
	case o.expirySeconds > maxExpiry:
		return p, fmt.Errorf("--expiry %d is over %d", o.expirySeconds, maxExpiry)
	}
	if err := checkQoS(o.qos); err != nil {
		return p, err
	}
	if o.expirySeconds >= 0 {
		p.HasExpiry, p.Expiry = true, uint32(o.expirySeconds)
	}
	properties := packet.PublishProperties{ContentType: o.contentType, ResponseTopic: o.responseTopic}
	if o.text {
		properties.PayloadFormat = new(byte(1))
	}
	if cmd.Flags().Changed("correlation-data") {
		properties.CorrelationData = []byte(o.correlationData)
	}
	for _, text := range o.userProperties {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return p, fmt.Errorf("--user-property %q is not NAME=VALUE", text)
		}
		properties.User = append(properties.User, packet.UserProperty{Name: name, Value: value})
	}
	p.Forward = packet.AppendForward(nil, &properties)
	return p, nil
}

// maxString is what a UTF-8 string of MQTT can hold, in bytes.
const maxString = 65535

func checkQoS(qos int) error {
	if qos < 0 || qos > 2 {
		return fmt.Errorf("--qos %d is not 0, 1 or 2", qos)
	}
	return nil
}
