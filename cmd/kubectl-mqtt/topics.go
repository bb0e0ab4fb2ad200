package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
)

const topicsHelp = `Shows the tree of a broker's topics with what is published to them a second: topics that have a retained
message, and those that are published to while it looks. On a terminal it is a live view until Ctrl-C; elsewhere,
and with --once, it looks for --for and prints the tree.

The broker watches at most 10,000 topics, and only while somebody looks.

` + whose + `
` + rights + `

` + exits

type topicsOptions struct {
	askOptions
	under    string
	depth    int
	limit    int
	once     bool
	watch    time.Duration
	interval time.Duration
}

func newTopics(s streams) *cobra.Command {
	var o topicsOptions
	cmd := &cobra.Command{
		Use: "topics [BROKER]", Short: "Show the live tree of topics", Long: topicsHelp,
		Example: "  kubectl mqtt topics edge\n" +
			"  kubectl mqtt topics edge --under sensors/hall-2 --depth 1\n" +
			"  kubectl mqtt topics edge --once --for 10s -o json\n" +
			"  kubectl-mqtt topics --state-dir ./dunlin-state --once",
	}
	o.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.under, "under", "", "only topics below this one")
	flags.IntVar(&o.depth, "depth", 3, "how many levels to show")
	flags.IntVar(&o.limit, "limit", 50, "how many topics of a level to show, 1 to 1000")
	flags.BoolVar(&o.once, "once", false, "print the tree once, also on a terminal")
	flags.DurationVar(&o.watch, "for", 3*time.Second, "how long to look before it is printed")
	flags.DurationVar(&o.interval, "interval", 2*time.Second, "how often the live view is drawn")
	o.completeFlag(cmd, "under", topicNames)
	work := o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error { return showTopics(ctx, a, &o) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case o.depth < 1 || o.depth > 16:
			return fmt.Errorf("--depth %d is not from 1 to 16", o.depth)
		case o.limit < 1 || o.limit > adminapi.MaxPage:
			return fmt.Errorf("--limit %d is not from 1 to %d", o.limit, adminapi.MaxPage)
		case o.watch < 0:
			return fmt.Errorf("--for %s is negative", o.watch)
		case o.interval < minInterval:
			return fmt.Errorf("--interval %s is under %s", o.interval, minInterval)
		}
		return work(cmd, args)
	}
	return cmd
}

// minInterval is how often at most a live view asks the broker.
const minInterval = 200 * time.Millisecond

// topicTree is a topic and what is below it.
type topicTree struct {
	api.TopicNode
	Below []topicTree `json:"below,omitempty"`
	More  bool        `json:"more,omitempty"` // there are more below than are shown
}

// maxNodes bounds one tree: each inner node is a call.
const maxNodes = 2000

func showTopics(ctx context.Context, a *asked, o *topicsOptions) error {
	if a.Terminal && !o.once && !a.format.ForPrograms() {
		return a.Live(ctx, o.interval, func(int) ([]string, error) {
			tree, err := readTree(ctx, a.Client, o)
			if err != nil {
				return nil, err
			}
			return a.treeLines(tree, o, time.Now()), nil
		})
	}
	tree, err := readTree(ctx, a.Client, o) // which begins a watch
	if err == nil && o.watch > 0 {
		if err = wait(ctx, o.watch); err == nil {
			tree, err = readTree(ctx, a.Client, o)
		}
	}
	if err != nil {
		return err
	}
	return a.show(tree, func(bool) []string { return a.treeLines(tree, o, time.Now()) })
}

// wait waits, unless ctx is done before.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// readTree asks for the levels that are to be shown. Its root has but Below.
func readTree(ctx context.Context, c *adminapi.Client, o *topicsOptions) (topicTree, error) {
	left := maxNodes
	var read func(under string, depth int) ([]topicTree, bool, error)
	read = func(under string, depth int) ([]topicTree, bool, error) {
		page, err := c.Topics(ctx, under, "", min(o.limit, left))
		if err != nil {
			return nil, false, err
		}
		left -= len(page.Items)
		nodes := make([]topicTree, len(page.Items))
		for i, n := range page.Items {
			nodes[i].TopicNode = n
			switch {
			case n.Children == 0:
			case depth <= 1 || left <= 0:
				nodes[i].More = true
			default:
				if nodes[i].Below, nodes[i].More, err = read(n.Topic, depth-1); err != nil {
					return nil, false, err
				}
			}
		}
		return nodes, page.Next != "", nil
	}
	var root topicTree
	var err error
	root.Topic = o.under
	root.Below, root.More, err = read(o.under, o.depth)
	root.Children = len(root.Below)
	return root, err
}

func (a *asked) treeLines(tree topicTree, o *topicsOptions, now time.Time) []string {
	title := sentence(a.target.Name)
	if o.under != "" {
		title += ", below " + screen.Clean(o.under)
	}
	lines := []string{a.Paint(screen.Bold, title)}
	if len(tree.Below) == 0 {
		return append(lines, "No topic has a retained message, and none was published to while it looked.")
	}
	t := &screen.Table{Columns: []screen.Column{{Name: "TOPIC"}, {Name: "RATE", Right: true}, {Name: "MESSAGES", Right: true}, {Name: "LAST", Right: true}, {Name: ""}}}
	var add func(nodes []topicTree, more bool, indent string)
	add = func(nodes []topicTree, more bool, indent string) {
		for _, n := range nodes {
			rate := screen.Cell{}
			if n.PerSecond > 0 {
				rate = screen.Cell{Text: screen.Rate(n.PerSecond), Style: screen.Green}
			}
			last := since(n.Last, now)
			retained := screen.Cell{Text: " "}
			if n.Retained {
				retained = screen.Cell{Text: "retained", Style: screen.Faint}
			}
			level := n.Level
			if level == "" {
				level = `""` // a level may be empty
			}
			t.AddStyled(screen.Cell{Text: indent + level}, rate, screen.Cell{Text: screen.Count(n.Messages)}, screen.Cell{Text: last}, retained)
			add(n.Below, n.More, indent+"  ")
		}
		if more {
			t.AddStyled(screen.Cell{Text: indent + "...", Style: screen.Faint}, screen.Cell{Text: " "}, screen.Cell{Text: " "}, screen.Cell{Text: " "}, screen.Cell{Text: " "})
		}
	}
	add(tree.Below, tree.More, "")
	for _, line := range a.Lines(t, false, "") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}
