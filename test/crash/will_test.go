package crash

import (
	"errors"
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// wills is a client a round that is connected when the broker is killed and never comes back: its will is published, by a
// broker that was started later. It is a stream: a will is acknowledged with its CONNACK,
// and is QoS 2, so that nobody may get it twice.
type wills struct {
	tally  *tally
	stream *stream
}

func (w *wills) live(addr string) error {
	n := w.stream.next()
	c, _, err := client.Start(addr, packet.Connect{
		ClientID: fmt.Sprint("will-", n), CleanStart: true,
		Properties: packet.ConnectProperties{SessionExpiry: 3600, HasSessionExpiry: true},
		Will:       &packet.Will{Topic: prefix + w.stream.name, Payload: payload(n), QoS: 2, Delay: uint32(n % 2)},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	w.stream.acked[n] = true
	w.tally.add(&w.tally.wills, 1)
	if _, err := c.Next(); err == nil {
		return errors.New("a packet for a client that asked for none")
	}
	return nil
}
