package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// keeper sets and clears retained messages, one at a time, and checks after each crash that they are what was acknowledged.
type keeper struct {
	tally  *tally
	random *rand.Rand
	topics [20]retained
	turn   int
}

// retained is what a topic's retained message may be: the last one that was acknowledged, or a later one whose
// acknowledgement has not come. "" is none.
type retained struct{ may []string }

const keeps = "keep/"

func (k *keeper) live(addr string) error { return k.run(addr, true) }

func (k *keeper) settle(addr string) error { return k.run(addr, false) }

func (k *keeper) run(addr string, more bool) error {
	c, _, err := client.Start(addr, packet.Connect{ClientID: "keeper", CleanStart: true})
	if err != nil {
		return fmt.Errorf("keeper: %w", err)
	}
	defer c.Close()
	if err := k.check(c); err != nil {
		return fmt.Errorf("keeper: %w", err)
	}
	for more {
		if err := k.set(c); err != nil {
			return fmt.Errorf("keeper: %w", err)
		}
	}
	return nil
}

// check reads all that is retained, until nothing is missing or nothing comes any more, and then as far as a PINGRESP.
func (k *keeper) check(c *client.Client) error {
	c.Subscribe(1, packet.Filter{Filter: keeps + "#"})
	c.SetPatience(quiet)
	defer c.SetPatience(client.Patience)
	found := map[string]string{}
	for subscribed, pinged := false, false; ; {
		if subscribed && !pinged && !k.misses(found) {
			c.Ping()
			pinged = true
		}
		got, err := c.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) && subscribed {
			break
		} else if err != nil {
			return err
		}
		if got.Type == packet.TypePublish {
			found[string(got.Publish.Topic)] = string(got.Publish.Payload)
		}
		subscribed = subscribed || got.Type == packet.TypeSuback
		if got.Type == packet.TypePingresp {
			break
		}
	}
	c.Unsubscribe(2, keeps+"#")
	if _, err := c.Expect(packet.TypeUnsuback); err != nil {
		return err
	}
	for i := range k.topics {
		t, name := &k.topics[i], fmt.Sprint(keeps, i)
		if got := found[name]; len(t.may) > 0 && !slices.Contains(t.may, got) {
			k.tally.problem(retainedLost, "%s: %q, and not one of %q", name, got, t.may)
		}
		t.may = []string{found[name]}
	}
	return nil
}

// misses says whether a topic that must have a message is not among those found.
func (k *keeper) misses(found map[string]string) bool {
	for i, t := range k.topics {
		if _, ok := found[fmt.Sprint(keeps, i)]; !ok && len(t.may) > 0 && !slices.Contains(t.may, "") {
			return true
		}
	}
	return false
}

// set changes one topic: three times of four to a new message, else to none.
func (k *keeper) set(c *client.Client) error {
	i := k.random.IntN(len(k.topics))
	k.turn++
	text := fmt.Sprint(k.turn)
	if k.random.IntN(4) == 0 {
		text = ""
	}
	t := &k.topics[i]
	t.may = append(t.may, text)
	c.Publish(&packet.Publish{
		Topic: fmt.Append(nil, keeps, i), Payload: []byte(text), QoS: byte(1 + k.turn%2), Retain: true, PacketID: uint16(1 + k.turn%65535),
	})
	for {
		got, err := c.Next()
		if err != nil {
			return err
		}
		switch {
		case got.Ack.Reason.Failed():
			return fmt.Errorf("%w: %v: %v", errWrong, got.Type, got.Ack.Reason)
		case got.Type == packet.TypePubrec:
			c.Ack(packet.TypePubrel, got.Ack.PacketID)
		case got.Type == packet.TypePuback, got.Type == packet.TypePubcomp:
			t.may = []string{text}
			k.tally.add(&k.tally.retained, 1)
			return nil
		}
	}
}
