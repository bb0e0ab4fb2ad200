package hostile

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// usage is what the broker uses.
type usage struct {
	goroutines, files int
	heap              int64 // bytes that are allocated
	memory, peak      int64 // bytes of the process, now and at most
	connections       int
}

// heapSlack is by how much the heap may differ between two moments at which it holds the same, in bytes: it is measured
// at any moment between two collections, and pools keep some.
const heapSlack = 8 << 20

var scraper = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// measure looks at the broker from outside.
func (b *target) measure() (u usage) {
	b.t.Helper()
	err := b.scrape(&u)
	if err == nil {
		u.files, err = b.Files()
	}
	if err == nil {
		u.memory, u.peak, err = b.Memory()
	}
	if err != nil {
		b.quiet()
		b.t.Fatal(err)
	}
	return u
}

// scrape asks its metrics.
func (b *target) scrape(u *usage) error {
	answer, err := scraper.Get("http://" + b.health + "/metrics")
	if err != nil {
		return fmt.Errorf("read the metrics: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	found := 0
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue // a comment
		}
		found++
		switch name {
		case "go_goroutines":
			u.goroutines = int(n)
		case "go_memstats_heap_alloc_bytes":
			u.heap = int64(n)
		case "dunlin_connections":
			u.connections = int(n)
		default:
			found--
		}
	}
	if found != 3 {
		return fmt.Errorf("read the metrics: %d of 3 are there", found)
	}
	return nil
}

// restored waits until the broker uses no more than before, but for the healthy client; the process may have grown by so
// many MiB meanwhile.
func (b *target) restored(before usage, mib int) {
	b.t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	const watcher = 5 // its goroutines, and those of the scrape itself, which are not always as many
	for {
		now := b.measure()
		if grown := now.peak - max(before.peak, before.memory); grown > int64(mib)<<20 && !*racy {
			b.t.Fatalf("the process has grown by %d MiB, and %d are allowed", grown>>20, mib)
		}
		if now.connections <= before.connections+1 && now.goroutines <= before.goroutines+watcher && now.files <= before.files+1 &&
			(now.heap <= before.heap+heapSlack || *racy) {
			b.t.Logf("before: %+v, after: %+v", before, now)
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			b.t.Fatalf("the broker keeps what it used for the attack: before %+v, after %+v", before, now)
		}
	}
}

// watch serves a healthy client until stop, which fails if a message did not come, or late.
func (b *target) watch() (stop func()) {
	b.t.Helper()
	c, _, err := client.Start(b.Addr, packet.Connect{ClientID: "healthy", CleanStart: true})
	if err != nil {
		b.t.Fatal(err)
	}
	c.SetPatience(patience)
	c.Subscribe(1, packet.Filter{Filter: "healthy", QoS: 1})
	if _, err := c.Expect(packet.TypeSuback); err != nil {
		b.t.Fatal(err)
	}
	over, result := make(chan struct{}), make(chan error, 1)
	go func() {
		defer c.Close()
		result <- serveHealthy(c, over)
	}()
	return func() {
		b.t.Helper()
		close(over)
		if err := <-result; err != nil {
			b.quiet()
			b.t.Errorf("a healthy client: %v", err)
		}
	}
}

// serveHealthy publishes to itself, again and again, and takes each message before the next.
func serveHealthy(c *client.Client, over <-chan struct{}) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for n := uint16(1); ; n = n%60000 + 1 {
		c.Publish(&packet.Publish{QoS: 1, PacketID: n, Topic: []byte("healthy"), Payload: []byte(strconv.Itoa(int(n)))})
		for acked, came := false, false; !acked || !came; {
			p, err := c.Next()
			if err != nil {
				return fmt.Errorf("message %d: %w", n, err)
			}
			switch {
			case p.Type == packet.TypePuback && p.Ack.PacketID == n:
				acked = true
			case p.Type == packet.TypePublish && string(p.Publish.Payload) == strconv.Itoa(int(n)):
				c.Ack(packet.TypePuback, p.Publish.PacketID)
				came = true
			default:
				return fmt.Errorf("message %d: %v %q comes", n, p.Type, p.Publish.Payload)
			}
		}
		select {
		case <-over:
			return nil
		case <-again.C:
		}
	}
}
