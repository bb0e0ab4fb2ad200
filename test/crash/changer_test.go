package crash

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// changer subscribes and unsubscribes, one at a time, and checks after each crash that what was acknowledged holds.
type changer struct {
	*device
	random *rand.Rand
	state  [20]state // by filter
	id     uint16
}

// state is what is known of a subscription.
type state int

const (
	absent state = iota
	present
	unknown // the answer has not come
)

func (h *changer) live(addr string) error { return h.run(addr, true) }

func (h *changer) settle(addr string) error { return h.run(addr, false) }

func (h *changer) run(addr string, more bool) error {
	c, _, err := h.connect(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := h.check(c); err != nil {
		return fmt.Errorf("%s: %w", h.device.id, err)
	}
	for more {
		if err := h.change(c); err != nil {
			return fmt.Errorf("%s: %w", h.device.id, err)
		}
	}
	return nil
}

// topic is filter i's, which only this client uses.
func (h *changer) topic(i int) string { return fmt.Sprint("change/", h.device.id, "/", i) }

// check publishes to every filter and looks what comes back. The last one, subscribed to here, ends it.
func (h *changer) check(c *client.Client) error {
	end := len(h.state)
	h.id = h.id%60000 + 1
	c.Subscribe(h.id, packet.Filter{Filter: h.topic(end)})
	if _, err := c.Expect(packet.TypeSuback); err != nil {
		return err
	}
	for i := range end + 1 {
		c.Publish(&packet.Publish{Topic: []byte(h.topic(i))})
	}
	found := make([]bool, end+1)
	for !found[end] {
		got, err := c.Expect(packet.TypePublish)
		if err != nil {
			return err
		}
		topic := string(got.Publish.Topic)
		i, err := strconv.Atoi(topic[strings.LastIndexByte(topic, '/')+1:])
		if err != nil || i > end {
			return fmt.Errorf("%w: a message of %s", errWrong, topic)
		}
		found[i] = true
	}
	for i, was := range h.state {
		switch {
		case was == present && !found[i]:
			h.tally.problem(subscriptionLost, "%s: %s", h.device.id, h.topic(i))
		case was == absent && found[i]:
			h.tally.problem(subscriptionBack, "%s: %s", h.device.id, h.topic(i))
		}
		h.state[i] = absent
		if found[i] {
			h.state[i] = present
		}
	}
	return nil
}

// change turns one subscription into its opposite.
func (h *changer) change(c *client.Client) error {
	i := h.random.IntN(len(h.state))
	h.id = h.id%60000 + 1
	was := h.state[i]
	h.state[i] = unknown
	var answer packet.Type
	if was == present {
		c.Unsubscribe(h.id, h.topic(i))
		answer = packet.TypeUnsuback
	} else {
		c.Subscribe(h.id, packet.Filter{Filter: h.topic(i), QoS: 1})
		answer = packet.TypeSuback
	}
	got, err := c.Expect(answer)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(append(got.Suback.Reasons, got.Unsuback.Reasons...), packet.ReasonCode.Failed) {
		return fmt.Errorf("%w: %v: %v%v", errWrong, answer, got.Suback.Reasons, got.Unsuback.Reasons)
	}
	h.state[i] = map[bool]state{true: absent, false: present}[was == present]
	h.tally.add(&h.tally.changes, 1)
	return nil
}
