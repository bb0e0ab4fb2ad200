package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
)

// Options are what `kubectl-mqtt run` is told.
type Options struct {
	Paths      []string         // files and folders; they are watched
	Broker     string           // name or namespace/name; "": the only one
	StateDir   string           // where everything is kept
	ListenHost string           // the address to bind; "": all
	Program    string           // how this program was called, for what the user is told to run
	TokenKeys  string           // file with the public keys of ServiceAccounts' tokens, a JSON Web Key Set; "": none are taken
	Issuer     string           // who makes the tokens
	Version    string           // of this program
	Loader     manifests.Loader // with its schemas
	Out        io.Writer        // for the user
	Log        io.Writer        // for the broker's log
	Now        func() time.Time // nil: time.Now
}

// InvalidError is the problems that kept the objects from being used.
type InvalidError struct{ Problems manifests.Problems }

// Error is a line for each problem.
func (e *InvalidError) Error() string {
	text := ""
	for i, p := range e.Problems {
		if i > 0 {
			text += "\n"
		}
		text += p.String()
	}
	return text
}

// runner is one `kubectl-mqtt run`. Only its own goroutine uses it.
type runner struct {
	Options
	state   *State
	plan    *plan
	broker  *instance
	changed chan struct{} // a watched file did
	refused string        // what was last said about an edit that is not applied
	failed  *plan         // the last one that did not start: not tried again
	watched []string
	unwatch func()
}

// Run runs a broker until ctx is done, and applies every edit of the files to it. It returns an
// *InvalidError if the objects cannot be used in the first place.
func Run(ctx context.Context, o Options) (err error) {
	r := &runner{Options: o, changed: make(chan struct{}, 1), unwatch: func() {}}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Loader.Skip == "" {
		r.Loader.Skip = o.StateDir
	}
	set, problems := r.Loader.Load(r.Paths)
	if bad := problems.Errors(); len(bad) > 0 {
		return &InvalidError{bad}
	}
	if _, err := set.Broker(o.Broker); err != nil {
		return err // before a state folder is made
	}
	if r.state, err = OpenState(o.StateDir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.state.Close()) }()
	if err := r.state.openAdmin(r.Now()); err != nil {
		return fmt.Errorf("make the admin API's files: %w", err)
	}
	if err := r.begin(set, problems.Warnings()); err != nil {
		return err
	}
	defer func() { r.unwatch() }()
	return r.loop(ctx)
}

// begin starts the broker.
func (r *runner) begin(set *manifests.Set, warnings manifests.Problems) (err error) {
	for _, ignored := range set.Ignored {
		say(r.Out, "%s is ignored: only Broker, User, ACL, Secret and Namespace are used.\n", ignored)
	}
	for _, w := range warnings {
		say(r.Out, "%s\n", w)
	}
	if r.plan, err = makePlan(set, r.Options, r.state, r.Now()); err != nil {
		return err
	}
	if err := writeBundle(r.state.path("auth"), r.plan.bundle); err != nil {
		return err
	}
	if r.broker, err = start(r.plan.config, r.Version, r.Log); err != nil {
		return err
	}
	printBanner(r.Out, r.plan, r.state, r.Program, r.broker.Addr)
	r.watch(set)
	return nil
}

// loop serves until ctx is done or the broker fails.
func (r *runner) loop(ctx context.Context) error {
	for {
		renew, stopTimer := r.renewal()
		select {
		case <-ctx.Done():
			stopTimer()
			say(r.Out, "\nStopping. Sessions and retained messages stay in %s.\n", r.plan.config.Store.Dir)
			return r.broker.halt()
		case err := <-r.broker.done:
			stopTimer()
			if err := r.startAgain(err); err != nil {
				return err
			}
			continue
		case <-r.changed:
		case <-renew:
		}
		stopTimer()
		if err := r.reload(); err != nil {
			return err
		}
	}
}

// startAgain starts the broker again if it has ended because a backup was restored.
func (r *runner) startAgain(ended error) (err error) {
	if !errors.Is(ended, server.ErrRestored) {
		return fmt.Errorf("broker stopped: %w", ended)
	}
	say(r.Out, "A backup has been restored: the broker starts again with it.\n")
	r.broker, err = start(r.plan.config, r.Version, r.Log)
	return err
}

// renewRetry is the least time to a renewal: one that is due is refused while the files are not valid.
const renewRetry = time.Minute

// endRetry is the least time to the end of a password of before, which is not to wait that long.
const endRetry = time.Second

// renewal fires when the certificate is due.
func (r *runner) renewal() (due <-chan time.Time, stop func()) {
	if r.plan.certs.renewAt.IsZero() {
		return nil, func() {}
	}
	least := renewRetry
	if r.refused == "" {
		least = endRetry
	}
	timer := time.NewTimer(max(r.plan.certs.renewAt.Sub(r.Now()), least))
	return timer.C, func() { timer.Stop() }
}

// reload applies what the files say now. What is wrong with them is said once, and changes nothing; the
// error is one that leaves no broker running.
func (r *runner) reload() error {
	set, problems := r.Loader.Load(r.Paths)
	r.watch(set)
	if bad := problems.Errors(); len(bad) > 0 {
		r.refuse(&InvalidError{bad})
		return nil
	}
	next, err := makePlan(set, r.Options, r.state, r.Now())
	if err != nil {
		r.refuse(err)
		return nil
	}
	if next.bundle.Revision != r.plan.bundle.Revision {
		if err := writeBundle(r.state.path("auth"), next.bundle); err != nil {
			r.refuse(err)
			return nil
		}
		say(r.Out, "Users and access rules changed: %s.\n", next.summary())
	}
	if !slices.Equal(next.notes, r.plan.notes) {
		printNotes(r.Out, next.notes)
	}
	switch {
	case r.failed != nil && !next.restarts(r.failed):
		r.keepServer(next)
	case next.restarts(r.plan):
		return r.restart(next)
	default:
		if r.refused != "" {
			say(r.Out, "Applied: the files are valid again.\n")
		}
		if !reflect.DeepEqual(next.config, r.plan.config) {
			r.broker.configure(next.config)
			say(r.Out, "%s changed: taken over, nobody is disconnected.\n", name(next.broker))
		}
		r.refused, r.failed, r.plan = "", nil, next
	}
	return nil
}

// keepServer takes users and rules of next, but not its Broker, which does not start.
func (r *runner) keepServer(next *plan) {
	next.config, next.broker = r.plan.config, r.plan.broker
	r.plan = next
}

// refuse says why an edit is not applied.
func (r *runner) refuse(err error) {
	if text := err.Error(); text != r.refused {
		say(r.Out, "Not applied, the broker runs on as it was:\n%s\n", text)
		r.refused = text
	}
}

// restart replaces the broker; by the old one again if the new one does not start.
func (r *runner) restart(next *plan) error {
	say(r.Out, "%s changed: restarting the broker.\n", name(next.broker))
	if err := r.broker.halt(); err != nil {
		return fmt.Errorf("stop broker: %w", err)
	}
	broker, failed := start(next.config, r.Version, r.Log)
	if failed == nil {
		r.broker, r.plan, r.refused, r.failed = broker, next, "", nil
		printListeners(r.Out, next, broker.Addr)
		return nil
	}
	broker, err := start(r.plan.config, r.Version, r.Log)
	if err != nil {
		return errors.Join(failed, err)
	}
	attempt := *next
	r.broker, r.failed = broker, &attempt
	r.keepServer(next)
	r.refuse(failed)
	return nil
}

// watch notes changes of the set's files and folders from now on, and of paths that are gone, since an
// editor may be about to put them back.
func (r *runner) watch(set *manifests.Set) {
	paths := slices.Concat(r.Paths, set.Files, set.Dirs)
	if r.TokenKeys != "" {
		paths = append(paths, r.TokenKeys)
	}
	for i, path := range paths {
		if absolute, err := filepath.Abs(path); err == nil {
			paths[i] = absolute
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if slices.Equal(paths, r.watched) {
		return
	}
	r.unwatch()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = filewatch.Watch(ctx, paths, logger(levelOf(r.plan.config.Log), r.Log), r.note) // it fails on no paths only
	}()
	r.watched, r.unwatch = paths, func() { cancel(); <-done }
}

// note asks for a reload, of which one that is still to come is enough.
func (r *runner) note() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
