package mqtt

import (
	"context"
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// Publish sends a message and waits until the broker has it: at QoS 0 until it is written, at 1 and 2 until the exchange is
// over. The reason is of the last acknowledgement; one of failure is also a *RefusedError.
func (c *Client) Publish(ctx context.Context, p packet.Publish) (packet.ReasonCode, error) {
	result := make(chan func() (packet.ReasonCode, error), 1)
	err := c.Begin(ctx, p, func(reason packet.ReasonCode, err error) {
		result <- func() (packet.ReasonCode, error) { return reason, err }
	})
	if err != nil {
		return 0, err
	}
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case got := <-result:
		return got()
	}
}

// Begin sends a message and calls answered when the broker has it, or the connection ends before: at QoS 0 at once, else from
// the goroutine that reads, which must not be kept. It waits only while as many messages as the broker takes are in flight.
func (c *Client) Begin(ctx context.Context, p packet.Publish, answered func(packet.ReasonCode, error)) error {
	if most := c.Connack.Properties.MaximumPacketSize; most > 0 && p.Size(packet.V5) > int(most) {
		return fmt.Errorf("publish to %s: the packet has %d bytes, and the broker takes %d", p.Topic, p.Size(packet.V5), most)
	}
	if p.Size(packet.V5) > packet.MaxSize {
		return fmt.Errorf("publish to %s: the packet has more than %d bytes, which MQTT cannot carry", p.Topic, packet.MaxSize)
	}
	if p.QoS == 0 {
		if err := c.send(func(out []byte) []byte { return p.Append(out, packet.V5) }); err != nil {
			return fmt.Errorf("publish to %s: %w", p.Topic, err)
		}
		answered(packet.Success, nil)
		return nil
	}
	topic := string(p.Topic) // the caller may use its memory again
	err := c.begin(ctx, func(a answer, err error) {
		switch {
		case err != nil:
			answered(0, fmt.Errorf("publish to %s: %w", topic, err))
		case a.reasons[0].Failed():
			answered(a.reasons[0], fmt.Errorf("publish to %s: %w", topic, &RefusedError{acknowledges(p.QoS), a.reasons[0], a.text}))
		default:
			answered(a.reasons[0], nil)
		}
	}, func(out []byte, id uint16) []byte {
		p.PacketID = id
		return p.Append(out, packet.V5)
	})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", p.Topic, err)
	}
	return nil
}

// acknowledges is the packet that refuses a message.
func acknowledges(qos byte) packet.Type {
	if qos == 1 {
		return packet.TypePuback
	}
	return packet.TypePubrec
}

// Subscribe asks for subscriptions. The reasons are one a filter; that some are failures is no error.
func (c *Client) Subscribe(ctx context.Context, s packet.Subscribe) ([]packet.ReasonCode, string, error) {
	type result struct {
		answer
		err error
	}
	came := make(chan result, 1)
	err := c.begin(ctx, func(a answer, err error) { came <- result{a, err} }, func(out []byte, id uint16) []byte {
		s.PacketID = id
		return s.Append(out, packet.V5)
	})
	if err != nil {
		return nil, "", fmt.Errorf("subscribe: %w", err)
	}
	select {
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	case r := <-came:
		if r.err != nil {
			return nil, "", fmt.Errorf("subscribe: %w", r.err)
		}
		if len(r.reasons) != len(s.Filters) {
			return nil, "", fmt.Errorf("subscribe: SUBACK has %d reasons for %d filters", len(r.reasons), len(s.Filters))
		}
		return r.reasons, r.text, nil
	}
}

// begin sends a packet that is answered, with a packet identifier. Either it returns an error, or tell is called.
func (c *Client) begin(ctx context.Context, tell answered, fill func(out []byte, id uint16) []byte) error {
	var id uint16
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done:
		return c.Err()
	case id = <-c.ids:
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	c.waiting[id] = tell
	c.mu.Unlock()
	err := c.send(func(out []byte) []byte { return fill(out, id) })
	if err != nil && c.forget(id) == nil {
		return nil // it has been told already
	}
	return err
}

// forget is who waits for the answer to a packet identifier, and does not any more; nil: nobody.
func (c *Client) forget(id uint16) answered {
	c.mu.Lock()
	defer c.mu.Unlock()
	tell := c.waiting[id]
	delete(c.waiting, id)
	return tell
}

// end ends the exchange of a packet identifier. One that was not sent is passed over.
func (c *Client) end(id uint16, a answer) {
	if tell := c.forget(id); tell != nil {
		c.ids <- id
		tell(a, nil)
	}
}
