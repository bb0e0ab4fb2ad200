package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// startTime is how long a broker may take to start.
const startTime = 5 * time.Minute

// broker starts a broker in a new folder, with queues as long as they get. durable gives it a store there.
func (b *bench) broker(durable bool, env ...string) (*daemon.Broker, error) {
	dir, err := os.MkdirTemp(b.dir, "broker-")
	if err != nil {
		return nil, err
	}
	c := config.Config{MQTT: config.MQTT{MaxQueuedMessages: math.MaxInt32, MaxQueuedBytes: 1 << 40}}
	if durable {
		c.Store.Dir = filepath.Join(dir, "store")
	}
	d, err := daemon.Dunlin(b.program, dir, "", c, env...)
	if err != nil {
		return nil, err
	}
	return d, start(d)
}

func start(d *daemon.Broker) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	return d.Run(ctx)
}

// discard ends a broker and removes its folder.
func discard(d *daemon.Broker) {
	d.Close()
	_ = os.RemoveAll(d.Dir) // it is in the folder that goes at the end
}

// persistent is the CONNECT of a session that stays.
func persistent(id string) packet.Connect {
	return packet.Connect{ClientID: id, Properties: packet.ConnectProperties{SessionExpiry: math.MaxUint32, HasSessionExpiry: true}}
}

// sessions makes n persistent sessions with a QoS 1 subscription each, and leaves them offline.
func sessions(addr string, n int, filter func(i int) string) error {
	var next atomic.Int64
	return parallel(128, func(int) error {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			c, _, err := client.Start(addr, persistent(fmt.Sprint("session-", i)))
			if err != nil {
				return err
			}
			c.Subscribe(1, packet.Filter{Filter: filter(i), QoS: 1})
			if _, err := c.Expect(packet.TypeSuback); err != nil {
				c.Close()
				return err
			}
			c.Disconnect()
		}
		return nil
	})
}

// parallel runs n of do and waits for all.
func parallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var busy sync.WaitGroup
	for i := range n {
		busy.Go(func() { errs[i] = do(i) })
	}
	busy.Wait()
	return errors.Join(errs...)
}

// flood is QoS 1 messages by many publishers, each as fast as they are acknowledged.
type flood struct {
	publishers, window int
	total              int                        // 0: until stop
	message            func(i int) packet.Publish // the i-th, by whichever publisher

	next, acked atomic.Int64
	stop        atomic.Bool
}

// run returns when all is acknowledged.
func (f *flood) run(addr string) error {
	return parallel(f.publishers, func(p int) error {
		c, _, err := client.Start(addr, packet.Connect{ClientID: fmt.Sprint("publisher-", p), CleanStart: true})
		if err != nil {
			return err
		}
		defer c.Close()
		return f.publish(c)
	})
}

func (f *flood) publish(c *client.Client) error {
	sent, open := 0, 0
	for {
		for open < f.window && !f.stop.Load() {
			i := int(f.next.Add(1)) - 1
			if f.total > 0 && i >= f.total {
				break
			}
			m := f.message(i)
			m.QoS, m.PacketID = 1, uint16(1+sent%math.MaxUint16)
			c.Publish(&m)
			sent++
			open++
		}
		if open == 0 {
			return nil
		}
		got, err := c.Expect(packet.TypePuback)
		if err != nil {
			return err
		}
		if got.Ack.Reason.Failed() {
			return fmt.Errorf("PUBACK: %v", got.Ack.Reason)
		}
		open--
		f.acked.Add(1)
	}
}

// fill publishes n messages to a topic each, and waits until all are acknowledged.
func fill(addr string, n, size int, topic func(i int) string, retain bool) error {
	f := &flood{publishers: 16, window: 64, total: n, message: func(i int) packet.Publish {
		return packet.Publish{Topic: []byte(topic(i)), Payload: body(i, size), Retain: retain}
	}}
	return f.run(addr)
}

// noise does not compress: its pieces stand for payloads, so that a store that compresses gains nothing.
var noise = func() []byte {
	out, random := make([]byte, 4<<20), rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(out); i += 8 {
		binary.LittleEndian.PutUint64(out[i:], random.Uint64())
	}
	return out
}()

// body is the payload of message i. Thousands of messages go by until one comes again.
func body(i, size int) []byte {
	at := i * size % (len(noise) - size)
	return noise[at : at+size]
}
