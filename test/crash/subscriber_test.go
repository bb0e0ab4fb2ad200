package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// What a subscriber does with its life.
type habit int

const (
	stays        habit = iota // connected whenever the broker is there
	comesAndGoes              // connects, reads some, leaves
	isAway                    // but for the lulls
)

// quiet is how long nothing comes in a lull before what is missing is lost. A will may still wait for its delay.
const quiet = 5 * time.Second

// subscriber receives all streams on one session.
type subscriber struct {
	*device
	habit          habit
	qos            byte // of its subscription
	receiveMaximum uint16
	random         *rand.Rand
	accounts       map[string]*account // by topic
	held           map[uint16]identity // QoS 2 packet identifiers whose PUBREL has not come
	settling       bool                // the publishers rest, so that their streams may be looked at
}

// identity is which message it is.
type identity struct {
	topic  string
	number int
}

// account is what a subscriber has got of a stream.
type account struct {
	*stream
	seen    []uint8 // by number: how often
	last    int     // the highest number so far, -1: none
	missing int     // in a lull: acknowledged and not seen
	ordered bool
}

// kind is what it is called if a message of it is missing.
func (a *account) kind() string {
	if a.ordered {
		return lost
	}
	return willLost
}

// follow says which streams there are.
func (s *subscriber) follow(streams []*stream) {
	s.device.receiveMaximum = s.receiveMaximum
	s.held, s.accounts = map[uint16]identity{}, map[string]*account{}
	for _, from := range streams {
		s.accounts[prefix+from.name] = &account{stream: from, last: -1, ordered: from.name != "w"}
	}
}

// introduce makes the session.
func (s *subscriber) introduce(addr string) error {
	c, err := s.come(addr)
	if err == nil {
		c.Disconnect()
	}
	return err
}

// come connects, and subscribes if there is no session.
func (s *subscriber) come(addr string) (*client.Client, error) {
	c, fresh, err := s.connect(addr)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return c, nil
	}
	clear(s.held)
	c.Subscribe(1, packet.Filter{Filter: prefix + "#", QoS: s.qos})
	if got, err := c.Expect(packet.TypeSuback); err != nil || got.Suback.Reasons[0].Failed() {
		c.Close()
		s.has = false // nothing was promised yet
		return nil, fmt.Errorf("%s: subscribe: %w", s.id, err)
	}
	return c, nil
}

func (s *subscriber) live(addr string) error {
	if s.habit == isAway || (s.habit == comesAndGoes && s.random.IntN(3) == 0) {
		return nil
	}
	for s.habit == stays || s.random.IntN(4) > 0 {
		c, err := s.come(addr)
		if err != nil {
			return err
		}
		n := 1 << 40
		if s.habit == comesAndGoes {
			n = 1 + s.random.IntN(2000)
		}
		for ; n > 0 && err == nil; n-- {
			_, err = s.one(c)
		}
		if err == nil && s.random.IntN(2) == 0 {
			err = c.Flush() // otherwise the last acknowledgements are not sent
		}
		c.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", s.id, err)
		}
	}
	return nil
}

// one handles a packet. pong says that it was PINGRESP.
func (s *subscriber) one(c *client.Client) (pong bool, err error) {
	got, err := c.Next()
	if err != nil {
		return false, err
	}
	switch got.Type {
	case packet.TypePublish:
		return false, s.take(c, &got.Publish)
	case packet.TypePubrel:
		delete(s.held, got.Ack.PacketID)
		c.Ack(packet.TypePubcomp, got.Ack.PacketID)
	case packet.TypePingresp:
		return true, nil
	default:
		return false, fmt.Errorf("%w: %v %v", errWrong, got.Type, got.Disconnect.Reason)
	}
	return false, nil
}

func (s *subscriber) take(c *client.Client, p *packet.Publish) error {
	n, err := number(p.Payload)
	if err != nil {
		return err
	}
	a := s.accounts[string(p.Topic)]
	if a == nil || n < 0 || n >= 1<<30 || (s.settling && n >= len(a.acked)) {
		return fmt.Errorf("%w: message %d of %s", errWrong, n, p.Topic)
	}
	switch p.QoS {
	case 1:
		c.Ack(packet.TypePuback, p.PacketID)
	case 2:
		c.Ack(packet.TypePubrec, p.PacketID)
		now := identity{string(p.Topic), n}
		if before, taken := s.held[p.PacketID]; taken {
			if before != now {
				s.tally.problem(reused, "%s: packet identifier %d: %v, and it is still that of %v", s.id, p.PacketID, now, before)
			}
			return nil // a repetition within its exchange. MQTT 5 §4.3.3
		}
		s.held[p.PacketID] = now
	}
	s.receive(a, n, p)
	return nil
}

// receive counts a message.
func (s *subscriber) receive(a *account, n int, p *packet.Publish) {
	s.tally.add(&s.tally.received, 1)
	for len(a.seen) <= n {
		a.seen = append(a.seen, 0)
	}
	a.seen[n] = min(a.seen[n], 254) + 1
	switch {
	case a.seen[n] > 1 && p.QoS == 2:
		s.tally.problem(duplicate, "%s: message %d of %s, packet identifier %d, DUP %v", s.id, n, a.name, p.PacketID, p.Dup)
	case a.seen[n] > 1:
		s.tally.add(&s.tally.repeats, 1)
	case n < a.last && a.ordered:
		s.tally.problem(disorder, "%s: message %d of %s after %d", s.id, n, a.name, a.last)
	default:
		a.last = n
	}
	if s.settling && a.seen[n] == 1 && a.acked[n] {
		a.missing--
	}
}

// settle reads until nothing that was acknowledged is missing, or nothing comes any more; and then once more on a new
// connection, on which nothing may come twice.
func (s *subscriber) settle(addr string) error {
	s.settling = true
	defer func() { s.settling = false }()
	for _, a := range s.accounts {
		a.missing = 0
		for n, ok := range a.acked {
			if ok && (n >= len(a.seen) || a.seen[n] == 0) {
				a.missing++
			}
		}
	}
	for range 2 {
		if err := s.drain(addr); err != nil {
			return fmt.Errorf("%s: %w", s.id, err)
		}
	}
	for topic, a := range s.accounts {
		for n, ok := range a.acked {
			if ok && (n >= len(a.seen) || a.seen[n] == 0) {
				s.tally.missed(a.kind(), s.id, identity{topic, n})
			}
		}
	}
	return nil
}

func (s *subscriber) drain(addr string) error {
	c, err := s.come(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetPatience(quiet)
	for s.missing() > 0 {
		if _, err := s.one(c); errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		} else if err != nil {
			return err
		}
	}
	c.SetPatience(client.Patience)
	c.Ping()
	for pong := false; !pong || len(s.held) > 0; {
		now, err := s.one(c)
		if err != nil {
			return err
		}
		pong = pong || now
	}
	c.Disconnect()
	return nil
}

func (s *subscriber) missing() (n int) {
	for _, a := range s.accounts {
		n += a.missing
	}
	return n
}
