package crash

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// inStartup is how long after its process has started a broker is killed at most, one time in eight; see -life for the rest.
const inStartup = 60 * time.Millisecond

// lull is after how many kills everybody comes to rest, and all is checked: so long are those away who are away.
const lull = 100

// patience is how long a broker may take to start.
const patience = time.Minute

// actor is a client, or several in turn, whose memory outlives the broker.
type actor interface {
	// live goes on until the connection breaks, which is its error; nil: it has gone by itself.
	live(addr string) error
	// settle finishes what is open, and checks.
	settle(addr string) error
}

// experiment is a broker and those who use it.
type experiment struct {
	t      *testing.T
	broker *daemon.Broker
	random *rand.Rand
	tally  *tally
	wills  *wills // nil: the broker is not asked to keep them
	actors []actor
	killed atomic.Bool
	starts []time.Duration // how long each took until clients were let in
}

// TestKill is the test of Dunlin and, with -broker, a report on Mosquitto.
func TestKill(t *testing.T) {
	n := *kills
	if testing.Short() {
		n = min(n, 10)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%s, %d kills, seed %d", *brokerIs, n, *seed)
	x := &experiment{t: t, random: rand.New(rand.NewPCG(*seed, 0)), tally: newTally()}
	x.broker = open(t)
	pubs := x.cast()
	begin := time.Now()
	for k := range n {
		x.round()
		if (k+1)%lull == 0 || k+1 == n {
			x.finish(pubs)
			x.kill()
			t.Logf("%d kills after %s: %s", k+1, time.Since(begin).Round(time.Second), x.tally.line(pubs))
		}
	}
	slices.Sort(x.starts)
	t.Logf("starts took %s (median), %s at most", x.starts[len(x.starts)/2].Round(time.Millisecond), x.starts[len(x.starts)-1].Round(time.Millisecond))
	report := t.Logf
	if *brokerIs == "dunlin" {
		report = t.Errorf
	}
	x.tally.judge(report)
}

// open makes the broker that was asked for; its folder is the test's.
func open(t *testing.T) *daemon.Broker {
	var b *daemon.Broker
	var err error
	dir := t.TempDir()
	switch *brokerIs {
	case "dunlin":
		b, err = daemon.Dunlin(*program, dir, "", config.Config{
			Store: config.Store{
				Dir: filepath.Join(dir, "store"), Durability: config.Durability{Sync: config.SyncMode(*syncMode)},
			},
			MQTT: config.MQTT{MaxQueuedMessages: 1 << 30, MaxQueuedBytes: 1 << 40},
		})
	case "mosquitto":
		b, err = daemon.Mosquitto(*program, dir)
	case "mosquitto-1s":
		b, err = daemon.Mosquitto(*program, dir, "autosave_interval 1")
	case "mosquitto-each":
		b, err = daemon.Mosquitto(*program, dir, "autosave_interval 1", "autosave_on_changes true")
	default:
		t.Fatalf("-broker %s: there is dunlin, mosquitto, mosquitto-1s and mosquitto-each", *brokerIs)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// cast starts the broker for the first time and introduces the clients, so that all sessions exist.
func (x *experiment) cast() []*publisher {
	x.start()
	var pubs []*publisher
	for i, version := range []packet.Version{packet.V5, packet.V311, packet.V5, packet.V311} {
		pubs = append(pubs, newPublisher(x.device("pub", i, version), i))
	}
	streams := []*stream{}
	for _, p := range pubs {
		streams = append(streams, p.streams[1], p.streams[2])
	}
	if *brokerIs == "dunlin" {
		x.wills = &wills{tally: x.tally, stream: &stream{name: "w"}}
		streams = append(streams, x.wills.stream)
	}
	for i, s := range []subscriber{
		{habit: stays, qos: 2}, {habit: stays, qos: 1}, {habit: comesAndGoes, qos: 2}, {habit: comesAndGoes, qos: 2, receiveMaximum: 5},
		{habit: isAway, qos: 2}, {habit: isAway, qos: 1},
	} {
		s.device = x.device("sub", i, []packet.Version{packet.V5, packet.V311}[i/2%2])
		s.random = rand.New(rand.NewPCG(*seed, uint64(1+i)))
		s.follow(streams)
		if err := s.introduce(x.broker.Addr); err != nil {
			x.t.Fatal(err)
		}
		x.actors = append(x.actors, &s)
	}
	for _, p := range pubs {
		x.actors = append(x.actors, p)
	}
	x.actors = append(x.actors,
		&changer{device: x.device("changer", 0, packet.V5), random: rand.New(rand.NewPCG(*seed, 100))},
		&changer{device: x.device("changer", 1, packet.V311), random: rand.New(rand.NewPCG(*seed, 101))},
		&keeper{tally: x.tally, random: rand.New(rand.NewPCG(*seed, 102))})
	if *brokerIs == "dunlin" {
		x.kill()
	} else {
		x.broker.Stop() // it saves: the sessions at least are there from the beginning
	}
	return pubs
}

func (x *experiment) device(kind string, i int, v packet.Version) *device {
	return &device{tally: x.tally, id: kind + "-" + string(rune('0'+i)), version: v}
}

// round starts the broker, lets everybody live and kills it.
func (x *experiment) round() {
	x.killed.Store(false)
	if x.random.IntN(8) == 0 {
		if err := x.broker.Start(); err != nil {
			x.t.Fatal(err)
		}
		<-time.After(time.Duration(x.random.Int64N(int64(inStartup))))
		x.kill()
		return
	}
	x.start()
	var busy sync.WaitGroup
	for _, a := range x.actors {
		busy.Go(func() { x.check(a.live(x.broker.Addr)) })
	}
	if x.wills != nil {
		busy.Go(func() { x.check(x.wills.live(x.broker.Addr)) })
	}
	<-time.After(*life + time.Duration(x.random.Int64N(int64(3**life))))
	x.kill()
	busy.Wait()
}

// finish lets the publishers end what is open, and then everybody else see what has come of it.
func (x *experiment) finish(pubs []*publisher) {
	x.killed.Store(false)
	x.start()
	var busy sync.WaitGroup
	for _, p := range pubs {
		busy.Go(func() { x.check(p.settle(x.broker.Addr)) })
	}
	busy.Wait()
	for _, a := range x.actors {
		if _, done := a.(*publisher); !done {
			busy.Go(func() { x.check(a.settle(x.broker.Addr)) })
		}
	}
	busy.Wait()
}

func (x *experiment) start() {
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	begin := time.Now()
	if err := x.broker.Run(ctx); err != nil {
		x.t.Fatal(err)
	}
	x.starts = append(x.starts, time.Since(begin))
}

func (x *experiment) kill() {
	x.killed.Store(true)
	x.broker.Kill()
}

// check takes the error with which a client ended: before the kill there should be none.
func (x *experiment) check(err error) {
	if err != nil && (!x.killed.Load() || errors.Is(err, errWrong)) {
		x.tally.problem(broken, "%v", err)
	}
}
