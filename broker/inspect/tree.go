package inspect

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

const (
	// maxChildren is how many topics are counted below one level; beyond that, the rest of those with a retained message is
	// skipped.
	maxChildren = 100
	// maxLooked bounds the retained topics that one page looks at.
	maxLooked = 20_000
	// behind is a level that comes after every other.
	behind = "\xff"
	// cursorMark begins a cursor, which ends with a level: that may be empty.
	cursorMark = "="
)

// RetainedTopics appends to dst the next topics with a retained message that begin with prefix, in order, at most limit; last
// says that there are no more. after is the cursor, which need not be a topic that there is; "": from the first.
type RetainedTopics func(prefix, after string, limit int, dst []string) (topics []string, last bool, err error)

// Level is a page of the level of the tree of topics that follows prefix: "" for the first, else the topic above it with a
// slash behind. It begins a watch, or has it last. retained finds the retained messages.
func (t *Topics) Level(prefix string, r admin.Range, now time.Time, retained RetainedTopics) (api.Page[api.TopicNode], error) {
	g := &level{prefix: prefix, nodes: make(map[string]*api.TopicNode)}
	if g.after, g.begun = strings.CutPrefix(r.After, cursorMark); r.After != "" && !g.begun {
		return api.Page[api.TopicNode]{}, fmt.Errorf("%w: after: %.40q is no cursor of this list", admin.ErrInvalid, r.After)
	}
	w := t.ask(now)
	if err := g.addRetained(retained, r.Limit); err != nil {
		return api.Page[api.TopicNode]{}, err
	}
	w.each(now, func(topic string, messages uint64, last int64, perSecond float64) {
		node, below := g.find(topic)
		if node == nil {
			return
		}
		node.Messages += messages
		node.PerSecond += perSecond
		if at := time.UnixMilli(last).UTC(); messages > 0 && (node.Last == nil || at.After(*node.Last)) {
			node.Last = &at
		}
		if below && !g.counted[topic] && node.Children < maxChildren {
			node.Children++
		}
	})
	return g.page(r.Limit), nil
}

// level is a level of the tree that is being gathered.
type level struct {
	prefix  string
	after   string // the level before this page, if begun
	begun   bool
	nodes   map[string]*api.TopicNode // by the name of the level
	counted map[string]bool           // topics with a retained message, which count as children already
	bound   string                    // levels behind it have not been looked at; if cut
	cut     bool
}

// find is the node that a topic belongs to, and whether it is below it; nil: none of this page.
func (g *level) find(topic string) (node *api.TopicNode, below bool) {
	rest, ok := strings.CutPrefix(topic, g.prefix)
	if !ok {
		return nil, false
	}
	name, _, below := strings.Cut(rest, "/")
	if g.begun && name <= g.after || g.cut && name > g.bound {
		return nil, false
	}
	if node = g.nodes[name]; node == nil {
		node = &api.TopicNode{Level: name, Topic: g.prefix + name}
		g.nodes[name] = node
	}
	return node, below
}

// addRetained adds the levels that have retained messages, at most one more than limit.
func (g *level) addRetained(retained RetainedTopics, limit int) error {
	cursor := ""
	if g.begun {
		cursor = g.prefix + g.after + "/" + behind
	}
	g.counted = make(map[string]bool)
	var room [64]string
	for looked := 0; ; {
		topics, last, err := retained(g.prefix, cursor, len(room), room[:0])
		if err != nil {
			return err
		}
		for _, topic := range topics {
			looked++
			cursor = topic
			node, below := g.find(topic)
			if node == nil {
				continue
			}
			if len(g.nodes) > limit || looked > maxLooked {
				g.cutAt(node.Level)
				return nil
			}
			if !below {
				node.Retained = true
				continue
			}
			g.counted[topic] = true
			if node.Children++; node.Children >= maxChildren {
				cursor = node.Topic + "/" + behind
				last = false
				break
			}
		}
		if last {
			return nil
		}
	}
}

// cutAt ends the page before a level that has not been looked at as a whole. There are others: of each not more than
// maxChildren topics are looked at.
func (g *level) cutAt(name string) {
	g.cut = true
	delete(g.nodes, name)
	g.bound = slices.Max(slices.Collect(maps.Keys(g.nodes)))
}

// page is the first limit of the nodes.
func (g *level) page(limit int) api.Page[api.TopicNode] {
	page := api.Page[api.TopicNode]{Items: []api.TopicNode{}, Total: -1}
	names := slices.Sorted(maps.Keys(g.nodes))
	more := g.cut
	if len(names) > limit {
		names, more = names[:limit], true
	}
	for _, name := range names {
		node := g.nodes[name]
		node.PerSecond = math.Round(100*node.PerSecond) / 100
		page.Items = append(page.Items, *node)
	}
	if more {
		page.Next = cursorMark + names[len(names)-1]
	}
	return page
}
