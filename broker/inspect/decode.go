package inspect

import (
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// decoded is a packet as far as a trace shows it. It borrows from the bytes that it was decoded from.
type decoded struct {
	e       api.Event // without Time, Payload and Missed; Topic is filled in by event
	topic   []byte
	alias   string // the topic, if it was named by an alias alone
	payload []byte
}

// decode decodes a packet of size bytes. What is not well-formed is shown as far as it is understood.
func (d *decoded) decode(in bool, p *Peer, h packet.Header, body []byte, size int) {
	d.e = api.Event{Direction: "Out", Client: p.Client, User: p.User, Packet: h.Type.String(), Size: size}
	if in {
		d.e.Direction = "In"
	}
	switch h.Type {
	case packet.TypePublish:
		d.publish(h, body, p)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		var a packet.Ack
		if a.Parse(h.Type, body, p.Version) == nil {
			d.e.PacketID = int(a.PacketID)
			if p.Version == packet.V5 {
				d.because(a.Reason, a.ReasonString)
			}
		}
	case packet.TypeConnack:
		var c packet.Connack
		if c.Parse(body, p.Version) == nil {
			d.because(c.Reason, c.Properties.ReasonString)
		}
	case packet.TypeDisconnect:
		var x packet.Disconnect
		if x.Parse(body, p.Version) == nil && p.Version == packet.V5 {
			d.because(x.Reason, x.ReasonString)
			if x.Reason == packet.NormalDisconnection {
				d.e.Reason = "Normal disconnection"
			}
		}
	case packet.TypeAuth:
		var a packet.Auth
		if a.Parse(body) == nil {
			d.because(a.Reason, a.ReasonString)
		}
	default:
		d.subscriptions(h, body, p.Version)
	}
}

func (d *decoded) because(r packet.ReasonCode, text string) {
	d.e.Reason, d.e.ReasonString = r.String(), clip(text)
}

func (d *decoded) publish(h packet.Header, body []byte, p *Peer) {
	var x packet.Publish
	if x.Parse(h.Flags, body, p.Version) != nil {
		return
	}
	d.e.PacketID, d.e.QoS, d.e.Retain, d.e.Dup = int(x.PacketID), int(x.QoS), x.Retain, x.Dup
	d.topic, d.payload = x.Topic, x.Payload
	if len(x.Topic) == 0 && p.Alias != nil {
		d.alias = p.Alias(x.Alias)
	}
}

// subscriptions is SUBSCRIBE, UNSUBSCRIBE and their answers.
func (d *decoded) subscriptions(h packet.Header, body []byte, v packet.Version) {
	switch h.Type {
	case packet.TypeSubscribe:
		var s packet.Subscribe
		if s.Parse(body, v) == nil {
			d.e.PacketID = int(s.PacketID)
			for i := range s.Filters {
				d.filter(s.Filters[i].Filter)
			}
		}
	case packet.TypeUnsubscribe:
		var u packet.Unsubscribe
		if u.Parse(body, v) == nil {
			d.e.PacketID = int(u.PacketID)
			for _, f := range u.Filters {
				d.filter(f)
			}
		}
	case packet.TypeSuback:
		var s packet.Suback
		if s.Parse(body, v) == nil {
			d.e.PacketID, d.e.Reason, d.e.ReasonString = int(s.PacketID), each(s.Reasons, "Granted QoS 0"), clip(s.ReasonString)
		}
	case packet.TypeUnsuback:
		var u packet.Unsuback
		if u.Parse(body, v) == nil {
			d.e.PacketID, d.e.Reason, d.e.ReasonString = int(u.PacketID), each(u.Reasons, packet.Success.String()), clip(u.ReasonString)
		}
	}
}

// maxShown is how many filters or reasons of a packet are shown.
const maxShown = 32

func (d *decoded) filter(f string) {
	if len(d.e.Filters) < maxShown {
		d.e.Filters = append(d.e.Filters, clip(f))
	}
}

// each is the reasons, in order. zero is what 0 means there.
func each(reasons []packet.ReasonCode, zero string) string {
	var texts []string
	for _, r := range reasons[:min(len(reasons), maxShown)] {
		if r == 0 {
			texts = append(texts, zero)
		} else {
			texts = append(texts, r.String())
		}
	}
	return strings.Join(texts, ", ")
}

// concerns says whether a topic of the packet is one of a filter, or a filter of it may match one of them.
func (d *decoded) concerns(filter string) bool {
	switch {
	case d.alias != "":
		return topic.Match(filter, d.alias)
	case d.topic != nil:
		return topic.Match(filter, string(d.topic))
	}
	return slices.ContainsFunc(d.e.Filters, func(f string) bool {
		_, topics, _, err := topic.ParseShare(f)
		return err == nil && topic.Overlaps(filter, topics)
	})
}

// event is what is shown, with a copy of everything.
func (d *decoded) event(now time.Time) api.Event {
	e := d.e
	e.Client, e.User = clip(e.Client), clip(e.User)
	e.Time = now.UTC().Truncate(time.Millisecond)
	e.Topic = d.alias
	if e.Topic == "" {
		e.Topic = clip(string(d.topic))
	}
	return e
}
