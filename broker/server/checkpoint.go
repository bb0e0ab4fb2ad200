package server

import (
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const (
	// defaultCheckpointEvery is how many records of a partition are applied before what has changed is
	// written out and the records that nobody needs are dropped: it bounds the replay at start.
	defaultCheckpointEvery = 20_000
	// checkpointBytes is how many bytes of records are, or of messages that nobody waits for any more,
	// if that is sooner.
	checkpointBytes = 16 << 20
)

// checkpoint is where the checkpoint of a partition stands. It is the applier's.
type checkpoint struct {
	at     uint64 // what it stands for
	bytes  int    // of records since
	saving bool
	// What a checkpoint that failed should have written.
	kvs  []store.KV
	drop []store.Range
}

// checkpointDue writes the checkpoints that are due. When the store is full, that is every one that
// lets go of something.
func (j *journal) checkpointDue() {
	freed := int64(checkpointBytes)
	if j.srv.store.Health() != nil {
		freed = 1
	}
	for n := range j.parts {
		p := &j.parts[n]
		c := &p.checkpoint
		if p.state.Next()-c.at >= j.every || c.bytes >= checkpointBytes || p.freed.Load() >= freed {
			j.checkpointPart(p)
		}
	}
}

// checkpointAll writes what has changed, so that the next start has nothing to replay.
func (j *journal) checkpointAll() {
	for n := range j.parts {
		if p := &j.parts[n]; p.state.Next() > p.checkpoint.at {
			j.checkpointPart(p)
		}
	}
}

func (j *journal) checkpointPart(p *logPart) {
	c := &p.checkpoint
	if c.saving {
		return
	}
	p.mu.Lock()
	kvs, at, drop := p.state.Checkpoint()
	p.mu.Unlock()
	c.kvs, c.drop, c.saving = later(c.kvs, kvs), store.JoinRanges(append(c.drop, drop...)), true
	c.at, c.bytes = at, 0
	p.freed.Store(0)
	p.Checkpoint(c.kvs, at, slices.Clone(c.drop), func(err error) {
		j.later(&write{err: err, then: func(_ *batch, err error) {
			if c.saving = false; err != nil {
				j.srv.log.Error("checkpoint not written", "partition", p.n, "reason", err.Error())
				return
			}
			c.kvs, c.drop = nil, nil
		}})
	})
}

// later joins the pairs of two checkpoints: of two with one key the later holds.
func later(before, after []store.KV) []store.KV {
	if len(before) == 0 {
		return after
	}
	at := make(map[string]int, len(before)+len(after))
	joined := before
	for i := range before {
		at[before[i].Key] = i
	}
	for _, kv := range after {
		if i, known := at[kv.Key]; known {
			joined[i] = kv
			continue
		}
		at[kv.Key] = len(joined)
		joined = append(joined, kv)
	}
	return joined
}
