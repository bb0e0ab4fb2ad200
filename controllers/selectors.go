package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// selectorCache remembers, for each Broker, the selectors of the ACLs in the bundle that was looked at last, so that a User's
// pass reads none of the ACLs. A shard of them is read anew when its sum is another.
type selectorCache struct {
	mu    sync.Mutex
	known map[types.NamespacedName]*bundleSelectors
}

// bundleSelectors are those of one bundle.
type bundleSelectors struct {
	sums   map[string]string       // of the files of ACLs, by name
	shards map[string][]config.ACL // those ACLs of each that have a selector, subjects alone
	all    *render.Selectors
}

// forget drops what is known of a Broker.
func (c *selectorCache) forget(broker types.NamespacedName) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, broker)
}

// selectors are those of the bundle that v is of: that who a User is by its labels is in a bundle can be told from that bundle
// alone, because users and ACLs of one revision are rendered together. A bundle that is being written counts as not
// written, which v then says.
func (a applier) selectors(ctx context.Context, v *bundleView) (*render.Selectors, error) {
	c := a.selected
	if c == nil {
		c = &selectorCache{}
	}
	key := keyOf(v.broker)
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.known[key]
	if before == nil {
		before = &bundleSelectors{all: render.NewSelectors(nil)}
	}
	sums := map[string]string{}
	for shard := range render.Shards {
		name := fmt.Sprintf(config.BundleACLsFmt, shard)
		if sum, ok := v.sums[name]; ok {
			sums[name] = sum
		}
	}
	if v.written == "" || maps.Equal(before.sums, sums) {
		return before.all, nil
	}
	now := &bundleSelectors{sums: sums, shards: make(map[string][]config.ACL, len(sums))}
	var acls []config.ACL
	for shard := range render.Shards {
		name := fmt.Sprintf(config.BundleACLsFmt, shard)
		sum, there := sums[name]
		if !there {
			continue
		}
		had, same := before.shards[name]
		if !same || before.sums[name] != sum {
			var err error
			if had, err = a.selecting(ctx, v, shard, sum); err != nil {
				return before.all, err
			}
			if v.written == "" {
				return before.all, nil
			}
		}
		now.shards[name] = had
		acls = append(acls, had...)
	}
	now.all = render.NewSelectors(acls)
	if c.known == nil {
		c.known = map[types.NamespacedName]*bundleSelectors{}
	}
	c.known[key] = now
	return now.all, nil
}

// selecting are the ACLs of a shard that have a selector.
func (a applier) selecting(ctx context.Context, v *bundleView, shard int, sum string) ([]config.ACL, error) {
	secret, err := a.peek(ctx, v.broker.Namespace, children.AuthShardName(v.broker, shard))
	if err != nil {
		return nil, err
	}
	var data []byte
	if secret != nil {
		data = secret.Data[fmt.Sprintf(config.BundleACLsFmt, shard)]
	}
	var set config.ACLSet
	if render.Sum(data) != sum || json.Unmarshal(data, &set) != nil {
		v.written = ""
		return nil, nil
	}
	return render.Selecting(set.ACLs), nil
}

// followSelectors finds whom the selectors pick now, if they are others than before: the shards of Users whom one picks that has come or
// gone have changed, too.
func (r *BrokerReconciler) followSelectors(ctx context.Context, p *authPass) error {
	var before, after []config.ACL
	same := p.memo.selectors != nil
	for shard := range render.Shards {
		memo := &p.memo.shards[shard]
		before = append(before, memo.selecting...)
		if p.changed.has(shard) {
			now := render.Selecting(p.acls[shard])
			same = same && reflect.DeepEqual(now, memo.selecting)
			memo.selecting = now
		}
		after = append(after, memo.selecting...)
	}
	if same {
		return nil
	}
	differing := render.Differing(before, after)
	p.memo.selectors = render.NewSelectors(after)
	for shard := range render.Shards {
		if differing == nil || p.changed.has(shard) {
			continue
		}
		users, err := r.usersIn(ctx, p, shard)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(users, func(u v1alpha1.User) bool { return len(differing.Of(u.Labels)) > 0 }) {
			continue
		}
		p.changed.add(shard)
		if err := r.readShard(ctx, p, shard); err != nil {
			return err
		}
	}
	return nil
}
