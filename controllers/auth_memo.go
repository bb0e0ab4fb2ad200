package controllers

import (
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// memoLife is how long a pass goes by what passes before it have rendered. It bounds what only time changes (a revoked certificate that has
// expired leaves the ledger), and what nobody was told of.
const memoLife = time.Hour

// shardSet is a set of shards, a bit for each.
type shardSet uint32

const allShards = shardSet(1<<render.Shards - 1)

func (s shardSet) has(shard int) bool { return s&(1<<shard) != 0 }
func (s *shardSet) add(shard int)     { *s |= 1 << shard }
func (s *shardSet) remove(shard int)  { *s &^= 1 << shard }

// authMemos remember of each Broker what its last pass has rendered, and which shards have had a change since. They save work and decide
// nothing: where nothing is remembered, all is rendered. The nil authMemos remember nothing.
type authMemos struct {
	mu      sync.Mutex
	memos   map[types.NamespacedName]*authMemo
	changed map[types.NamespacedName]shardSet
}

// change notes that something in these shards is not what it was. It comes before the pass that it asks for.
func (m *authMemos) change(broker types.NamespacedName, shards shardSet) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = map[types.NamespacedName]shardSet{}
	}
	m.changed[broker] |= shards
}

// take is what is remembered of the Broker, and which shards have changed since; if nothing is, an empty memo and all shards. A pass that
// ends well gives it back to keep: if it does not, the next one begins with nothing.
func (m *authMemos) take(b *v1alpha1.Broker, now time.Time) (*authMemo, shardSet) {
	fresh := &authMemo{uid: b.UID, generation: b.Generation, at: now, unsettled: allShards}
	if m == nil {
		return fresh, allShards
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := keyOf(b)
	memo, changed := m.memos[key], m.changed[key]
	delete(m.memos, key)
	delete(m.changed, key)
	if memo == nil || memo.uid != b.UID || memo.generation != b.Generation || now.Before(memo.at) || now.Sub(memo.at) > memoLife {
		return fresh, allShards
	}
	return memo, changed
}

// keep remembers what a pass leaves to the next.
func (m *authMemos) keep(broker types.NamespacedName, memo *authMemo) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.memos == nil {
		m.memos = map[types.NamespacedName]*authMemo{}
	}
	m.memos[broker] = memo
}

// forget drops a Broker that is gone.
func (m *authMemos) forget(broker types.NamespacedName) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.memos, broker)
	delete(m.changed, broker)
}

// authMemo is what a pass over a Broker leaves to the next about its users and rules.
type authMemo struct {
	// uid and generation are the Broker's, and at is when all was rendered.
	uid        types.UID
	generation int64
	at         time.Time

	// manifest is the Secret that vouches for the shards, and revision what it calls them. issuer is the file that is in it, too.
	manifest written
	revision string
	issuer   []byte
	// selectors are those of the ACLs of all shards; nil: no shard has been read.
	selectors *render.Selectors

	shards  [render.Shards]shardMemo
	ledgers [render.Shards]ledgerMemo
	// unsettled are the shards of the ledger whose holders are not those that it has.
	unsettled shardSet
}

// shardMemo is about one shard of the bundle.
type shardMemo struct {
	// sums are those of its files, by name; nil: it is empty.
	sums   map[string]string
	secret written
	// selecting are its ACLs that have a selector.
	selecting []config.ACL
	// holders are its users that shall have a client certificate, by their shard of the ledger; nil: there are none.
	holders map[int][]holder
}

// ledgerMemo is about one shard of the ledger of client certificates.
type ledgerMemo struct {
	secret  written
	revoked []pki.Revoked
}

// holder is a User that shall have a client certificate, as it was seen: one that is not equal may need another entry in the ledger.
type holder struct {
	uid        types.UID
	user       client.ObjectKey
	generation int64
	// secret is the resource version of its connection Secret.
	secret string
}

// written is the state that a pass has left an object in. The zero written is no object.
type written struct {
	// version is the object's resource version. The cache may still show the one before it, which is seen.
	version, seen string
}

// is says whether the object is as it was left; nil is none.
func (w written) is(o *corev1.Secret) bool {
	if o == nil {
		return w == written{}
	}
	return o.ResourceVersion == w.version || o.ResourceVersion == w.seen
}

// sums are those of all files of the bundle.
func (m *authMemo) sums() map[string]string {
	all := map[string]string{}
	for i := range m.shards {
		maps.Copy(all, m.shards[i].sums)
	}
	return all
}

// hold notes who of a shard shall have a client certificate.
func (m *authMemo) hold(shard int, holders map[int][]holder) {
	before := m.shards[shard].holders
	for ledger := range render.Shards {
		if !slices.Equal(before[ledger], holders[ledger]) {
			m.unsettled.add(ledger)
		}
	}
	m.shards[shard].holders = holders
}

// holdersOf are the members that shall have a client certificate.
func holdersOf(b *v1alpha1.Broker, members []member) map[int][]holder {
	var holders map[int][]holder
	for _, m := range members {
		if !wantsCertificate(b, m.user) {
			continue
		}
		if holders == nil {
			holders = map[int][]holder{}
		}
		ledger := render.Shard(string(m.user.UID))
		holders[ledger] = append(holders[ledger],
			holder{m.user.UID, client.ObjectKeyFromObject(m.user), m.user.Generation, m.secret.ResourceVersion})
	}
	return holders
}
