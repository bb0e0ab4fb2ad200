package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Latency is how long messages were under way, in microseconds, from the write to the read.
type Latency struct {
	Usage
	Sent, Received       int
	P50, P99, P999, Most float64
	Flooded              float64 // messages a second of the noisy neighbour
}

// latencyPairs share the messages of Latency.
const latencyPairs = 50

// Latency sends so many messages a second, evenly, whether or not any arrives (an open loop), between 50 pairs. With flood,
// a neighbour publishes at QoS 0 as fast as the broker reads, and another client reads what the broker gives it of that.
func (t Target) Latency(qos byte, rate int, flood bool) (Latency, error) {
	l, done, err := t.loop()
	if err != nil {
		return Latency{}, err
	}
	defer done()
	pubs, err := l.pairs(t, qos, latencyPairs, 1, 2)
	if err != nil {
		return Latency{}, err
	}
	neighbour := func() int { return 0 }
	if flood {
		if neighbour, err = l.flood(t.Payload); err != nil {
			return Latency{}, err
		}
	}
	took := make([]float64, 0, int(t.Measured.Seconds()*float64(rate)))
	base := time.Now()
	for _, s := range l.byFD {
		if s != nil && s.pub == nil && s.onPublish != nil {
			s.onPublish = func(body []byte, qos byte) {
				sent := binary.BigEndian.Uint64(payloadOf(body, qos)[8:])
				took = append(took, float64(time.Since(base).Nanoseconds()-int64(sent))/1e3)
			}
		}
	}
	for end := time.Now().Add(t.Warm); time.Now().Before(end); {
		l.poll(0)
		neighbour()
	}
	m, err := t.measure()
	if err != nil {
		return Latency{}, err
	}
	r := Latency{Sent: int(t.Measured.Seconds() * float64(rate))}
	begin, flooded := time.Now(), neighbour()
	for sent := 0; l.err == nil && (sent < r.Sent || len(took) < r.Sent && time.Since(begin) < t.Measured+t.Stall); {
		for due := min(r.Sent, int(time.Since(begin).Seconds()*float64(rate))); sent < due; sent++ {
			c := pubs[sent%len(pubs)]
			at := c.queue()
			binary.BigEndian.PutUint64(c.out[at+8:], uint64(time.Since(base).Nanoseconds()))
			c.flush()
		}
		l.poll(0)
		if sent < r.Sent {
			r.Flooded = float64(neighbour()-flooded) / time.Since(begin).Seconds()
		}
	}
	if r.Usage, err = m.end(); err != nil {
		return r, err
	}
	r.Received = len(took)
	if r.Received == 0 {
		return r, errors.Join(errors.New("nothing was delivered"), l.err)
	}
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))] }
	r.P50, r.P99, r.P999, r.Most = at(.5), at(.99), at(.999), at(1)
	return r, l.err
}

// flood makes the neighbour. Each call of what it returns lets it write as much as its socket takes, up to 64 KiB, so that
// the generator always comes back to what is measured; the result is how many messages it has sent.
func (l *Loop) flood(payload int) (func() int, error) {
	p, err := l.connectOne("neighbour-p", true)
	if err != nil {
		return nil, err
	}
	s, err := l.connectOne("neighbour-s", true)
	if err == nil {
		err = l.subscribe(0, []*Conn{s}, one("neighbour/#"))
	}
	if err != nil {
		return nil, fmt.Errorf("make the neighbour: %w", err)
	}
	packet := publishPacket("neighbour/topic", 0, false, make([]byte, payload))
	var lot []byte
	for len(lot) < 64<<10 {
		lot = append(lot, packet...)
	}
	sent := 0
	return func() int {
		if !p.wantsOut {
			p.send(lot)
			sent += len(lot) / len(packet)
		}
		return sent
	}, nil
}
