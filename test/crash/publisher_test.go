package crash

import (
	"fmt"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// window is how many messages of a publisher may be on their way.
const window = 16

// publisher sends messages of QoS 1 and 2 in turn, as fast as they are acknowledged. After each crash it sends again, on the
// resumed session, what is not acknowledged: MQTT 5 §4.4.
type publisher struct {
	*device
	streams [3]*stream // by QoS; none at 0
	turn    int
	open    []outgoing          // not acknowledged, or with QoS 2 no PUBREC, oldest first
	release []uint16            // PUBREC has come, PUBCOMP has not, oldest first
	taken   map[uint16]outgoing // of release
}

// outgoing is a message that is sent and not done with.
type outgoing struct {
	id     uint16
	qos    byte
	number int
}

func newPublisher(d *device, i int) *publisher {
	p := &publisher{device: d, taken: map[uint16]outgoing{}}
	for qos := 1; qos <= 2; qos++ {
		p.streams[qos] = &stream{name: fmt.Sprint(i, "-", qos)}
	}
	return p
}

func (p *publisher) live(addr string) error { return p.run(addr, true) }

func (p *publisher) settle(addr string) error { return p.run(addr, false) }

// run resumes, and sends more if it is to; otherwise it returns when all is acknowledged.
func (p *publisher) run(addr string, more bool) error {
	c, fresh, err := p.connect(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if fresh { // what became of the open ones will never be known
		p.open, p.release, p.taken = nil, nil, map[uint16]outgoing{}
	}
	for _, id := range p.release {
		c.Ack(packet.TypePubrel, id)
	}
	for _, m := range p.open {
		p.send(c, m, true)
	}
	for {
		for more && len(p.open)+len(p.release) < window {
			qos := byte(1 + p.turn%2)
			p.open = append(p.open, outgoing{id: uint16(1 + p.turn%65535), qos: qos, number: p.streams[qos].next()})
			p.turn++
			p.send(c, p.open[len(p.open)-1], false)
		}
		if len(p.open)+len(p.release) == 0 {
			c.Disconnect()
			return nil
		}
		got, err := c.Next()
		if err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
		if err := p.handle(c, &got); err != nil {
			return fmt.Errorf("%s: %w", p.id, err)
		}
	}
}

func (p *publisher) send(c *client.Client, m outgoing, dup bool) {
	c.Publish(&packet.Publish{
		Topic: []byte(prefix + p.streams[m.qos].name), PacketID: m.id, QoS: m.qos, Dup: dup, Payload: payload(m.number),
	})
}

func (p *publisher) handle(c *client.Client, got *client.Packet) error {
	id := got.Ack.PacketID
	i := slices.IndexFunc(p.open, func(m outgoing) bool { return m.id == id })
	switch {
	case got.Type == packet.TypePubcomp && slices.Contains(p.release, id):
		p.acknowledged(p.taken[id]) // whatever its reason says: the message was the broker's from PUBREC on
		p.release = slices.DeleteFunc(p.release, func(r uint16) bool { return r == id })
		delete(p.taken, id)
	case i >= 0 && got.Ack.Reason.Failed():
		p.tally.problem(refused, "%s: %v of message %d: %v", p.id, got.Type, p.open[i].number, got.Ack.Reason)
		p.open = slices.Delete(p.open, i, i+1)
	case got.Type == packet.TypePuback && i >= 0 && p.open[i].qos == 1:
		p.acknowledged(p.open[i])
		p.open = slices.Delete(p.open, i, i+1)
	case got.Type == packet.TypePubrec && i >= 0 && p.open[i].qos == 2:
		p.taken[id] = p.open[i]
		p.open = slices.Delete(p.open, i, i+1)
		p.release = append(p.release, id)
		c.Ack(packet.TypePubrel, id)
	case got.Type == packet.TypePubrec && i < 0: // said again, as a broker may that does not know that it was heard
		c.Ack(packet.TypePubrel, id)
	case got.Type == packet.TypePubcomp: // of a PUBREL that was sent again
	default:
		return fmt.Errorf("%w: %v of %d, %v %v", errWrong, got.Type, id, got.Ack.Reason, got.Disconnect.Reason)
	}
	return nil
}

func (p *publisher) acknowledged(m outgoing) { p.streams[m.qos].acked[m.number] = true }
