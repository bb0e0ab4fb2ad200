package packet

import "encoding/binary"

// Plain is a PUBLISH as most are: it names its topic, is sent for the first time, and has no property but those that are forwarded. It is
// encoded at once, without a Publish.
type Plain struct {
	Topic    string
	Payload  []byte
	Forward  []byte // encoded properties, as Publish.Forward; of MQTT 5
	PacketID uint16 // of QoS 1 and 2
	QoS      byte
	Retain   bool
}

// Size is that of the whole packet, in bytes. It may be more than MaxSize: such a packet cannot be encoded.
func (p *Plain) Size(v Version) int {
	n := p.remaining(v)
	return 1 + sizeVarint(n) + n
}

func (p *Plain) remaining(v Version) int {
	n := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		n += 2
	}
	if v >= V5 {
		n += sizeVarint(len(p.Forward)) + len(p.Forward)
	}
	return n
}

// Append appends the whole packet.
func (p *Plain) Append(dst []byte, v Version) []byte {
	first := byte(TypePublish)<<4 | p.QoS<<1
	if p.Retain {
		first |= 0x01
	}
	dst = AppendVarint(append(dst, first), p.remaining(v))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Topic)))
	dst = append(dst, p.Topic...)
	if p.QoS > 0 {
		dst = binary.BigEndian.AppendUint16(dst, p.PacketID)
	}
	if v >= V5 {
		dst = append(AppendVarint(dst, len(p.Forward)), p.Forward...)
	}
	return append(dst, p.Payload...)
}
